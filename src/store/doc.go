// Package store keeps what was asked of the control plane and how it went:
// clusters, their operations and their events. One implementation in SQL serves
// SQLite and PostgreSQL. The queue of durable jobs lives in the same database,
// so that a job and the change it belongs to commit together (DESIGN law 1).
//
// Every error that a caller can act on is a *pks.Failure.
package store
