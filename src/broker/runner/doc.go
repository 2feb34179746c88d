// Package runner runs the service adapter: an executable that is asked one
// question per process (reference/on-demand-broker.md §3).
package runner
