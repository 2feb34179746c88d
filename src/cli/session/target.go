package session

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Ports of the original (reference/pks-cli.md §3.3).
const (
	apiPort = "9021"
	uaaPort = "8443"
)

// Target is an API server as a person names it.
type Target struct {
	Given string // as it was written, without white space
	API   string // https://HOST:PORT
	UAA   string // where UAA is unless the API tells otherwise
}

// ParseTarget reads HOST, HOST:PORT or https://HOST[:PORT][/]. Letters become
// lower case: the original broke on others.
func ParseTarget(given string) (Target, error) {
	given = strings.TrimSpace(given)
	address := strings.ToLower(given)
	if !strings.Contains(address, "://") {
		if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() {
			address = "[" + address + "]"
		}
		address = "https://" + address
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return Target{}, badTarget(given, "")
	}
	switch {
	case parsed.Scheme != "https":
		return Target{}, badTarget(given, "only https is spoken")
	case !isHost(parsed.Hostname()):
		return Target{}, badTarget(given, "")
	case parsed.User != nil, parsed.RawQuery != "", parsed.Fragment != "", strings.Trim(parsed.Path, "/") != "":
		return Target{}, badTarget(given, "it has more than a host and a port")
	}
	port := parsed.Port()
	if port == "" {
		port = apiPort
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return Target{}, badTarget(given, "the port is none")
	}
	return Target{
		Given: given,
		API:   "https://" + net.JoinHostPort(parsed.Hostname(), port),
		UAA:   "https://" + net.JoinHostPort(parsed.Hostname(), uaaPort),
	}, nil
}

var hostForm = regexp.MustCompile(`^[a-z0-9_]([-a-z0-9_.]*[a-z0-9_])?\.?$`)

func isHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return hostForm.MatchString(host) || err == nil && ip.Zone() == ""
}

func badTarget(given, reason string) error {
	if reason != "" {
		reason = ": " + reason
	}
	return fmt.Errorf("the API address %q is not of the form HOST, HOST:PORT or https://HOST:PORT%s", given, reason)
}
