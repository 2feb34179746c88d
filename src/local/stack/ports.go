package stack

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// host is where every listener of the stack is, and nowhere else.
const host = "127.0.0.1"

// Ports are the TCP ports of the five listeners.
type Ports struct {
	API      int `json:"pks_api"`
	UAA      int `json:"uaa"`
	Director int `json:"director"`
	Broker   int `json:"pks_broker"`
	CredHub  int `json:"credhub"`
}

// DefaultPorts are those of production.
func DefaultPorts() Ports {
	return Ports{API: 9021, UAA: 8443, Director: 25555, Broker: 9022, CredHub: 8844}
}

// PortsFrom counts up from first: API, UAA, Director, broker, CredHub.
func PortsFrom(first int) (Ports, error) {
	if first < 1 || first+4 > 65535 {
		return Ports{}, fmt.Errorf("--ports-from %d: choose a number from 1 to %d", first, 65535-4)
	}
	return Ports{API: first, UAA: first + 1, Director: first + 2, Broker: first + 3, CredHub: first + 4}, nil
}

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
func url(port int) string     { return "https://" + address(port) }

// URLs of the listeners.
func (p Ports) APIURL() string      { return url(p.API) }
func (p Ports) UAAURL() string      { return url(p.UAA) }
func (p Ports) DirectorURL() string { return url(p.Director) }
func (p Ports) BrokerURL() string   { return url(p.Broker) }
func (p Ports) CredHubURL() string  { return url(p.CredHub) }

// Free says which port is taken, if one is.
func (p Ports) Free() error {
	for _, l := range []struct {
		name string
		port int
	}{{"pks-api", p.API}, {"the UAA", p.UAA}, {"the BOSH Director", p.Director}, {"pks-broker", p.Broker}, {"CredHub", p.CredHub}} {
		listener, err := net.Listen("tcp", address(l.port))
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return fmt.Errorf("port %d, wanted for %s, is taken by another program: stop that program, or choose other ports with --ports-from 19021", l.port, l.name)
		case errors.Is(err, syscall.EACCES):
			return fmt.Errorf("port %d, wanted for %s, needs privileges: choose ports above 1023 with --ports-from 19021", l.port, l.name)
		case err != nil:
			return fmt.Errorf("listen on %s for %s: %w", address(l.port), l.name, err)
		}
		if err := listener.Close(); err != nil {
			return fmt.Errorf("release port %d: %w", l.port, err)
		}
	}
	return nil
}
