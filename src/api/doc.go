// Package api is the HTTP face of pks-api: it authenticates, authorises,
// validates and answers, and leaves every change to the lifecycle engine.
//
// The paths, documents and status codes are those that existing clients depend
// on (reference/pks-api.md). What each route needs is one line in the table of
// routes.go, and nothing is served without such a line.
package api
