package pks

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kubernetesDocument are the parameters of a Kubernetes profile
// (reference/pks-api.md §10, pks-product.md §9).
type kubernetesDocument struct {
	Customizations []componentArguments `json:"customizations,omitempty"`
	Experimental   []componentArguments `json:"experimental_customizations,omitempty"`
}

type componentArguments struct {
	Component     string            `json:"component"`
	Arguments     map[string]string `json:"arguments,omitempty"`
	FileArguments map[string]string `json:"file-arguments,omitempty"` // flag → the file's content
}

const apiServer = "kube-apiserver"

// productFlags are those by component that the product sets itself: a cluster
// would fall apart with others (reference/cluster-manifest.md §5.1).
func productFlags() map[string][]string {
	return map[string][]string{
		apiServer: {
			"apiserver-count", "cloud-provider", "cloud-config", "etcd-servers", "secure-port", "token-auth-file", "client-ca-file",
			"tls-cert-file", "tls-private-key-file", "etcd-cafile", "etcd-certfile", "etcd-keyfile", "service-account-key-file",
			"kubelet-client-certificate", "kubelet-client-key", "authorization-mode",
		},
		"kube-controller-manager": {
			"cloud-provider", "cloud-config", "kubeconfig", "root-ca-file", "service-account-private-key-file",
			"cluster-signing-cert-file", "cluster-signing-key-file",
		},
		"kube-scheduler": {"config"},
		"kubelet":        {"config", "hostname-override", "cloud-provider", "cloud-config", "kubeconfig", "root-dir", "docker-endpoint", "docker"},
		"kube-proxy":     {"config"},
	}
}

var (
	flagForm      = regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$|^v$`)
	admissionForm = regexp.MustCompile(`^[A-Z][A-Za-z0-9]+$`)
)

// checkedFlags are the settings that customizations may hold: those whose values
// can be checked before a cluster finds out (reference/pks-product.md §9).
func checkedFlags() map[string]form {
	given := textThat(nonEmpty, "Give a value, or remove the argument.")
	return map[string]form{
		"service-node-port-range":     textThat(notAPortRange, "Write it like 30000-40000."),
		"enable-admission-plugins":    textThat(notPlugins, "Write them like ResourceQuota,PodNodeSelector, without spaces."),
		"disable-admission-plugins":   textThat(notPlugins, "Write them like ResourceQuota,PodNodeSelector, without spaces."),
		"requestheader-allowed-names": textThat(notAList, "Write names with commas between them, without spaces."),
		"oidc-issuer-url":             textThat(notAnHTTPS, "Give the URL of the identity provider, https://HOST/PATH."),
		"oidc-client-id":              given,
		"oidc-username-claim":         given,
		"oidc-username-prefix":        given,
		"oidc-groups-claim":           given,
		"oidc-groups-prefix":          given,
		"service-cluster-ip-range":    textThat(notServiceRanges, "Write one range, or an IPv4 and an IPv6 range with a comma between them."),
	}
}

func validateKubernetesProfile(raw json.RawMessage) error {
	value, err := parseDocument(raw)
	if err != nil {
		return err
	}
	components := slices.Sorted(maps.Keys(productFlags()))
	part := listOf(object(map[string]form{
		"component":      oneOf(components...),
		"arguments":      mapOf(text()),
		"file-arguments": mapOf(text()),
	}, "component"))
	lists := object(map[string]form{"customizations": part, "experimental_customizations": part})
	given, ok := value.(map[string]any)
	if !ok {
		return wrongKind("parameters", value, "an object")
	}
	// The lists stand at the top of the request, not under parameters.
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if given[name] == nil {
			continue
		}
		if _, known := lists.members[name]; !known {
			return Failf(CodeInvalidRequest, "Unexpected field '%s'.", Shorten(name))
		}
		if err := lists.members[name].check(name, given[name]); err != nil {
			return err
		}
	}
	document, err := readDocument[kubernetesDocument](&Profile{Parameters: raw})
	if err != nil {
		return err
	}
	if len(document.Customizations)+len(document.Experimental) == 0 {
		return Failf(CodeInvalidRequest, "customizations is missing.").
			WithRemedy(`Add it, such as [{"component":"kube-apiserver","arguments":{"service-node-port-range":"30000-40000"}}].`)
	}
	for i, part := range document.Customizations {
		if err := part.check(fmt.Sprintf("customizations[%d]", i), true); err != nil {
			return err
		}
	}
	for i, part := range document.Experimental {
		if err := part.check(fmt.Sprintf("experimental_customizations[%d]", i), false); err != nil {
			return err
		}
	}
	return nil
}

// check: values are looked at only where the product vouches for them.
func (c componentArguments) check(at string, vouched bool) error {
	if len(c.Arguments)+len(c.FileArguments) == 0 {
		return Failf(CodeInvalidRequest, "%s has neither arguments nor file-arguments.", at).WithRemedy("Give some, or remove the component.")
	}
	checked := checkedFlags()
	for _, name := range slices.Sorted(maps.Keys(c.Arguments)) {
		path, value := at+".arguments."+Shorten(name), c.Arguments[name]
		switch {
		case !flagForm.MatchString(name):
			return Failf(CodeInvalidRequest, "%s is not the name of a flag.", path).WithRemedy("Write it without leading hyphens, such as service-node-port-range.")
		case slices.Contains(productFlags()[c.Component], name):
			return Failf(CodeInvalidRequest, "%s belongs to the product.", path).WithRemedy("Remove it.")
		case strings.ContainsAny(value, "\"\n\r\\"):
			return Failf(CodeInvalidRequest, "%s holds a quote, backslash or line break, which would break the process's configuration.", path).WithRemedy("Remove it.")
		case !vouched:
			continue
		}
		rule, ok := checked[name]
		if !ok || c.Component != apiServer {
			return Failf(CodeInvalidRequest, "%s is not among the arguments that can be checked.", path).
				WithRemedy("Put it under experimental_customizations, which are taken as they are. The others are kube-apiserver's %s.",
					strings.Join(slices.Sorted(maps.Keys(checked)), ", "))
		}
		if err := rule.check(path, value); err != nil {
			return err
		}
	}
	return c.checkFiles(at)
}

func notAPortRange(text string) string {
	first, last, ok := strings.Cut(text, "-")
	from, err := strconv.ParseUint(first, 10, 16)
	to, lastErr := strconv.ParseUint(last, 10, 16)
	if !ok || err != nil || lastErr != nil || from < 1 || to < from {
		return "has an invalid value for service-node-port-range"
	}
	return ""
}

func notPlugins(text string) string {
	for name := range strings.SplitSeq(text, ",") {
		if !admissionForm.MatchString(name) {
			return fmt.Sprintf("has %q, which is not the name of an admission plugin", Shorten(name))
		}
	}
	return ""
}

func notAList(text string) string {
	for entry := range strings.SplitSeq(text, ",") {
		if entry == "" || strings.TrimSpace(entry) != entry {
			return "has an empty entry, or blanks around one"
		}
	}
	return ""
}

func notAnHTTPS(text string) string {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return "is not a URL of the form https://HOST/PATH"
	}
	return ""
}

func notServiceRanges(text string) string {
	ranges := strings.Split(text, ",")
	if len(ranges) > 2 {
		return "has more than two ranges"
	}
	families := map[bool]bool{}
	for _, one := range ranges {
		prefix, err := netip.ParsePrefix(one)
		if err != nil || prefix != prefix.Masked() {
			return fmt.Sprintf("has %q, which is not a range such as 10.100.200.0/24", Shorten(one))
		}
		families[prefix.Addr().Is4()] = true
	}
	if len(families) < len(ranges) {
		return "has two ranges of one family"
	}
	return ""
}
