// Package pks is the domain of the control plane: clusters, plans, operations,
// and the rules that hold between them. It does no I/O and imports nothing of
// this module, so that every other package can speak its words.
package pks
