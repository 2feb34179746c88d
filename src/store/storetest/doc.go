// Package storetest holds what every store.Store must do, as a suite that runs
// against an empty database of any kind, and the means to start a PostgreSQL for
// it. A new promise of the store is written here first.
package storetest
