// Package browser sends a person to a page of UAA and waits on a port of this
// machine for the answer that the page sends back: the authorization code grant for
// programs without a page of their own (RFC 8252).
package browser
