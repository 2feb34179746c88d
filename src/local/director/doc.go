// Package director is a BOSH Director for one computer: the REST interface, the task queue and the
// deploy engine of a real one, over machines that a machine.Driver makes. It answers byte for byte
// what reference/director-api.md records, so that the public bosh CLI and its Go library work with
// it, and it is never more lenient than the original.
package director
