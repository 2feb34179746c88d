package pks

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

const (
	maxNameLength = 63 // of a Kubernetes label value, which the name becomes on every node
	maxHostLength = 64 // of an X.509 common name, and reference/pks-api.md §5.2
)

var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$`)
	labelForm = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$`)
	digits    = regexp.MustCompile(`^[0-9]+$`)
)

// ValidateClusterName refuses a name that a node label or a path could not hold.
func ValidateClusterName(name string) error {
	const remedy = "Use 1 to 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit."
	switch {
	case name == "":
		return Failf(CodeInvalidRequest, "name is missing.").WithRemedy(remedy)
	case len(name) > maxNameLength:
		return Failf(CodeInvalidRequest, "name has %d characters; at most %d are allowed.", len(name), maxNameLength).WithRemedy(remedy)
	case !nameForm.MatchString(name):
		return Failf(CodeInvalidRequest, "name %q has characters that a cluster name cannot have.", name).WithRemedy(remedy)
	}
	return nil
}

// ValidateMasterHost refuses a host that is neither an IP address nor a DNS name
// fit for a certificate.
func ValidateMasterHost(host string) error {
	const field = "parameters.kubernetes_master_host"
	const remedy = "Give the DNS name or IP address at which the cluster's Kubernetes API will be reached, such as demo.example.com."
	if host == "" {
		return Failf(CodeInvalidRequest, "%s is missing.", field).WithRemedy(remedy)
	}
	if len(host) > maxHostLength {
		return Failf(CodeInvalidRequest, "%s has %d characters; at most %d are allowed.", field, len(host), maxHostLength).WithRemedy(remedy)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
			return Failf(CodeInvalidRequest, "%s %q is not an address that a server can have.", field, host).WithRemedy(remedy)
		}
		return nil
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if len(label) > 63 || !labelForm.MatchString(label) {
			return Failf(CodeInvalidRequest, "%s %q is not a DNS name: each part between dots has 1 to 63 letters, digits and inner hyphens.", field, host).WithRemedy(remedy)
		}
	}
	if digits.MatchString(labels[len(labels)-1]) {
		return Failf(CodeInvalidRequest, "%s %q looks like an IP address but is none.", field, host).WithRemedy(remedy)
	}
	return nil
}

// ValidateMasterPort refuses what is not a TCP port.
func ValidateMasterPort(port int) error {
	if port < 1 || port > 65535 {
		return Failf(CodeInvalidRequest, "parameters.kubernetes_master_port %d is not a TCP port.", port).
			WithRemedy("Leave it out for %d, or give a number from 1 to 65535.", DefaultMasterPort)
	}
	return nil
}

// ValidateWorkers holds a worker count against the plan. field is the member's
// path in the request.
func (p Plan) ValidateWorkers(field string, n int) error {
	if n < 1 || n > p.MaxWorkerInstances {
		return Failf(CodeInvalidRequest, "%s is %d; plan %s allows 1 to %d.", field, n, p.Name, p.MaxWorkerInstances).
			WithRemedy("Choose a number from 1 to %d, or a plan that allows more: 'pks plans'.", p.MaxWorkerInstances)
	}
	return nil
}

// Validate holds the whole spec against the rules and the plan.
func (s ClusterSpec) Validate(plan Plan) error {
	if err := ValidateClusterName(s.ClusterName); err != nil {
		return err
	}
	if err := ValidateMasterHost(s.MasterHost); err != nil {
		return err
	}
	if err := ValidateMasterPort(s.MasterPort); err != nil {
		return err
	}
	if err := plan.ValidateWorkers("parameters.kubernetes_worker_instances", s.WorkerInstances); err != nil {
		return err
	}
	return s.ValidateTexts("parameters.")
}

// ValidateTexts refuses any text in the spec that BOSH would take for the name of a
// secret. prefix precedes the members' names in the request.
func (s ClusterSpec) ValidateTexts(prefix string) error {
	document, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode spec: %w", err)
	}
	var members map[string]any
	if err := json.Unmarshal(document, &members); err != nil {
		return fmt.Errorf("decode spec: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := checkAnything(prefix+name, members[name]); err != nil {
			return err
		}
	}
	return nil
}
