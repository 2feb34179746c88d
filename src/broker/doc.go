// Package broker is the on-demand broker: it serves the Open Service Broker API
// and a management API, asks a service adapter for manifests and bindings, and
// lets a BOSH Director do the work (reference/on-demand-broker.md).
//
// It keeps no state of its own. What an operation is made of stands in its
// operation data, which the platform keeps, and in the Director's tasks, which
// are found by deployment and context id.
package broker
