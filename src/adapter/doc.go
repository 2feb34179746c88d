// Package adapter turns the full desired state of one cluster into the BOSH
// manifest that makes it (reference/cluster-manifest.md), and hands out and
// withdraws credentials for it. It is the body of the program
// pks-service-adapter, which an on-demand broker starts once per call
// (reference/on-demand-broker.md §3).
//
// Generate is a pure function: it reads no clock, network or file, and the same
// input gives the same bytes.
package adapter
