// Package apiclient is the Go client of the REST API of pks-api
// (reference/pks-api.md). The command line, the errands and the tests use it.
package apiclient
