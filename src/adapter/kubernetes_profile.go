package adapter

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/pks"
)

// kubernetesProfile is the "parameters" object of a Kubernetes profile
// (reference/pks-product.md §9).
type kubernetesProfile struct {
	Customizations []customization `json:"customizations,omitempty"`
	Experimental   []customization `json:"experimental_customizations,omitempty"`
}

type customization struct {
	Component     string            `json:"component"`
	Arguments     map[string]string `json:"arguments,omitempty"`
	FileArguments map[string]string `json:"file-arguments,omitempty"` // flag → the file's content
}

var (
	admissionPlugin = regexp.MustCompile(`^[A-Z][A-Za-z0-9]+$`)
	flagName        = regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$|^v$`)
)

// ownArguments are flags that the job templates write or that hold the cluster
// together; a profile cannot have them (reference/cluster-manifest.md §5.1).
func ownArguments() map[string][]string {
	return map[string][]string{
		jobAPIServer: {
			"apiserver-count", "cloud-provider", "cloud-config", "etcd-servers", "secure-port", "token-auth-file", "client-ca-file",
			"tls-cert-file", "tls-private-key-file", "etcd-cafile", "etcd-certfile", "etcd-keyfile", "service-account-key-file",
			"kubelet-client-certificate", "kubelet-client-key", "authorization-mode",
		},
		jobManager:   {"cloud-provider", "cloud-config", "kubeconfig", "root-ca-file", "service-account-private-key-file", "cluster-signing-cert-file", "cluster-signing-key-file"},
		jobScheduler: {"config"},
		jobKubelet:   {"config", "hostname-override", "cloud-provider", "cloud-config", "kubeconfig", "root-dir", "docker-endpoint", "docker"},
		jobKubeProxy: {"config"},
	}
}

// decodeKubernetesProfile returns the profile and what to call it; one that is not
// there asks for nothing.
func decodeKubernetesProfile(p *pks.Profile) (field string, profile kubernetesProfile, err error) {
	if p == nil {
		return "", kubernetesProfile{}, nil
	}
	field = fmt.Sprintf("kubernetes_profile %q", p.Name)
	err = decodeStrict(field, p.Parameters, &profile)
	return field, profile, err
}

// readKubernetesProfile checks the cluster's profile and keeps what each
// component is to be started with. What both lists say, the first decides.
func (c *cluster) readKubernetesProfile() error {
	c.custom = map[string]customization{}
	field, profile, err := decodeKubernetesProfile(c.spec.KubernetesProfile)
	if err != nil {
		return err
	}
	for _, part := range slices.Concat(profile.Experimental, profile.Customizations) {
		if err := part.check(field); err != nil {
			return err
		}
		all := c.custom[part.Component]
		if all.Arguments == nil {
			all = customization{Component: part.Component, Arguments: map[string]string{}, FileArguments: map[string]string{}}
		}
		maps.Copy(all.Arguments, part.Arguments)
		maps.Copy(all.FileArguments, part.FileArguments)
		c.custom[part.Component] = all
	}
	return c.checkFileArguments(field)
}

func (p customization) check(field string) error {
	own := ownArguments()
	if _, ok := own[p.Component]; !ok {
		return refuse("%s: component %q cannot be customized.", field, p.Component).
			WithRemedy("The components are %s.", list(slices.Sorted(maps.Keys(own))))
	}
	if len(p.Arguments)+len(p.FileArguments) == 0 {
		return refuse("%s: component %s has neither arguments nor file-arguments.", field, p.Component).WithRemedy("Give some, or remove the component.")
	}
	for _, flag := range slices.Sorted(maps.Keys(p.Arguments)) {
		switch {
		case !flagName.MatchString(flag):
			return refuse("%s: %s argument %q is not the name of a flag.", field, p.Component, flag).WithRemedy("Write it without leading hyphens, such as service-node-port-range.")
		case slices.Contains(own[p.Component], flag):
			return refuse("%s: %s argument %q belongs to the product.", field, p.Component, flag).WithRemedy("Remove it.")
		case strings.ContainsAny(p.Arguments[flag], "\"\n\r\\"):
			return refuse("%s: %s argument %q holds a quote, backslash or line break, which would break the process's configuration.", field, p.Component, flag).WithRemedy("Remove it.")
		}
	}
	return nil
}

// fileFlag is a flag whose file the job writes from a property.
type fileFlag struct{ flag, file string }

const flagEncryption = "encryption-provider-config"

func apiServerFileFlags() []fileFlag {
	return []fileFlag{
		{flagEncryption, "encryption-config.yml"},
		{"audit-policy-file", "audit_policy.yml"},
		{"oidc-ca-file", "oidc-ca.pem"},
	}
}

func (c *cluster) checkFileArguments(field string) error {
	known := apiServerFileFlags()
	for component, part := range c.custom {
		for _, flag := range slices.Sorted(maps.Keys(part.FileArguments)) {
			i := slices.IndexFunc(known, func(f fileFlag) bool { return f.flag == flag })
			if component != jobAPIServer || i < 0 {
				return refuse("%s: %s has no file argument %q.", field, component, flag).
					WithRemedy("The file arguments are kube-apiserver's encryption-provider-config, audit-policy-file and oidc-ca-file.")
			}
			if flag == "oidc-ca-file" {
				if !strings.Contains(part.FileArguments[flag], "-----BEGIN CERTIFICATE-----") {
					return refuse("%s: file argument %q holds no PEM certificate.", field, flag).WithRemedy("Give the content of the CA's PEM file.")
				}
				continue
			}
			if _, err := structure(part.FileArguments[flag]); err != nil {
				return refuse("%s: file argument %q is not a YAML object.", field, flag).WithRemedy("Give the file's content: %s.", err.Error())
			}
		}
	}
	return nil
}

// structure reads a file's content as the object that the job property wants: as
// text the API server would not start (reference/cluster-manifest.md §18).
func structure(text string) (map[string]any, error) {
	var out map[string]any
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("read as YAML: %w", err)
	}
	if out == nil {
		return nil, fmt.Errorf("it is empty")
	}
	return out, nil
}

// customize lays the profile's arguments over the component's own.
func (c *cluster) customize(component string, a arguments) {
	for flag, value := range c.custom[component].Arguments {
		if component == jobKubelet && flag == "node-labels" {
			a[flag] = joinNonEmpty(fmt.Sprint(a[flag]), value)
			continue
		}
		a[flag] = value
	}
}

func (c *cluster) customizeAPIServer(p *apiServerProperties) {
	custom := c.custom[jobAPIServer]
	for flag, value := range custom.Arguments {
		switch flag {
		case "enable-admission-plugins", "disable-admission-plugins":
			p.Arguments[flag] = union(c.pluginsOf(flag), strings.Split(value, ","))
		default:
			p.Arguments[flag] = value
		}
	}
	for _, f := range apiServerFileFlags() {
		content, ok := custom.FileArguments[f.flag]
		if !ok {
			continue
		}
		p.Arguments[f.flag] = apiServerFiles + f.file
		switch f.flag {
		case "oidc-ca-file":
			p.OIDC = &oidcCA{CA: content}
		case "audit-policy-file":
			p.AuditPolicy, _ = structure(content) // checked when the profile was read
		case flagEncryption:
			p.EncryptionConfig, _ = structure(content)
		}
	}
}

func (c *cluster) pluginsOf(flag string) []string {
	if flag == "enable-admission-plugins" {
		return c.plan.AdmissionPlugins
	}
	return c.plan.DisabledAdmissionPlugins
}
