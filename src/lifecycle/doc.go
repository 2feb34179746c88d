// Package lifecycle is the engine behind every change of a cluster. A request is
// stored together with its operation and a durable job; the job then brings the
// operation, step by step, from accepted to settled, across restarts and while
// the broker is away (DESIGN §5).
package lifecycle
