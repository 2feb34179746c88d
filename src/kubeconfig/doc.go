// Package kubeconfig puts the credentials of a cluster into the files that
// kubectl reads, and leaves everything else in them as it was.
package kubeconfig
