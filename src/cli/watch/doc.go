// Package watch follows an operation of a cluster to its end, as --wait does:
// through the events of the API where there are any, else by the cluster's state.
package watch
