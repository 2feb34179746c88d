// Package osb is a client of a service broker: the Open Service Broker API 2.17,
// asynchronous, and the broker's additions about progress and machines. It does
// one request per call, keeps nothing, and repeats nothing: its caller has the
// durable state that says whether to ask again.
package osb
