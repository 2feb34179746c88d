package adapter

import "strconv"

// syslogProperties is the plan's "syslog" object: where every machine of a
// cluster sends its logs.
type syslogProperties struct {
	Address       string `json:"address"`
	Port          int    `json:"port"`      // default 514
	Transport     string `json:"transport"` // tcp (default), udp, relp
	TLS           bool   `json:"tls"`
	PermittedPeer string `json:"permitted_peer"`
	CACert        string `json:"ca_cert"` // PEM
	CustomRule    string `json:"custom_rule"`
}

func (s *syslogProperties) check() error {
	const field = "plan.properties.syslog"
	switch {
	case s == nil:
	case s.Address == "":
		return refuse("%s.address is missing.", field).WithRemedy("Give the name or address of the log server, or remove the object.")
	case s.Port < 0 || s.Port > 65535:
		return refuse("%s.port is %d.", field, s.Port).WithRemedy("Give a TCP or UDP port, or leave it out for 514.")
	case s.Transport != "" && s.Transport != "tcp" && s.Transport != "udp" && s.Transport != "relp":
		return refuse("%s.transport is %q.", field, s.Transport).WithRemedy("Choose tcp, udp or relp.")
	case s.TLS && s.Transport == "udp":
		return refuse("%s.tls is set, but udp has no TLS.", field).WithRemedy("Choose the transport tcp, or unset tls.")
	case s.TLS && s.PermittedPeer == "":
		return refuse("%s.permitted_peer is missing.", field).WithRemedy("Give the name in the log server's certificate, such as *.example.com.")
	}
	return nil
}

// syslogForwarder is the job of the syslog release (reference/bosh-release.md §12).
type syslogForwarder struct {
	Syslog syslogTarget `yaml:"syslog"`
}

type syslogTarget struct {
	Address       string `yaml:"address"`
	Port          int    `yaml:"port"`
	Transport     string `yaml:"transport"`
	TLSEnabled    bool   `yaml:"tls_enabled"`
	PermittedPeer string `yaml:"permitted_peer,omitempty"`
	CACert        string `yaml:"ca_cert,omitempty"`
	CustomRule    string `yaml:"custom_rule,omitempty"`
}

func (s *syslogProperties) properties() syslogForwarder {
	t := syslogTarget{
		Address: s.Address, Port: s.Port, Transport: or(s.Transport, "tcp"), TLSEnabled: s.TLS,
		PermittedPeer: s.PermittedPeer, CACert: s.CACert, CustomRule: s.CustomRule,
	}
	if t.Port == 0 {
		t.Port = 514
	}
	return syslogForwarder{t}
}

// sysctlProperties is the sysctl job of the os-conf release.
type sysctlProperties struct {
	Sysctl []string `yaml:"sysctl"`
}

func inotifyWatches(n int) string { return "fs.inotify.max_user_watches=" + strconv.Itoa(n) }
