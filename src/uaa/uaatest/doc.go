// Package uaatest is a conformance suite for a UAA: what this product and the
// people who run it rely on. It runs against the stand-in of package local/uaa
// and, when an address is given, against a real one.
package uaatest
