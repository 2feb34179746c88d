// Package oauthclient keeps a UAA client for each service instance, by which
// users of the instance can be logged in (reference/on-demand-broker.md §1.10).
package oauthclient
