package adapter

import (
	"slices"
)

const jobAPIServer = "kube-apiserver"

const apiServerFiles = "/var/vcap/jobs/kube-apiserver/config/"

// apiServerPort is where the API server of every master listens. Job templates
// hold the number, so it cannot be changed; a cluster's own port exists at the
// load balancer only (reference/cluster-manifest.md §8).
const apiServerPort = 8443

// apiServerProperties is reference/cluster-manifest.md §5.2.
type apiServerProperties struct {
	AdminUsername     string         `yaml:"admin-username"`
	AdminPassword     string         `yaml:"admin-password"`
	KubeletPassword   string         `yaml:"kubelet-password"`
	DrainPassword     string         `yaml:"kubelet-drain-password"`
	KubeProxyPassword string         `yaml:"kube-proxy-password"`
	ManagerPassword   string         `yaml:"kube-controller-manager-password"`
	SchedulerPassword string         `yaml:"kube-scheduler-password"`
	ServiceAccountKey string         `yaml:"service-account-public-key"`
	TLS               apiServerTLS   `yaml:"tls"`
	AuditPolicy       map[string]any `yaml:"audit-policy,omitempty"`
	EncryptionConfig  map[string]any `yaml:"encryption-config,omitempty"`
	OIDC              *oidcCA        `yaml:"oidc,omitempty"`
	HTTPProxy         string         `yaml:"http_proxy,omitempty"`
	HTTPSProxy        string         `yaml:"https_proxy,omitempty"`
	NoProxy           string         `yaml:"no_proxy,omitempty"`
	Arguments         arguments      `yaml:"k8s-args"`
}

type apiServerTLS struct {
	Kubernetes    keyPair `yaml:"kubernetes"`
	KubeletClient keyPair `yaml:"kubelet-client"`
}

func (c *cluster) apiServer(jobs *jobList) {
	p := apiServerProperties{
		AdminUsername:     adminUser,
		AdminPassword:     ref(passwordAdmin),
		KubeletPassword:   ref(passwordKubelet),
		DrainPassword:     ref(passwordKubeletDrain),
		KubeProxyPassword: ref(passwordKubeProxy),
		ManagerPassword:   ref(passwordManager),
		SchedulerPassword: ref(passwordScheduler),
		ServiceAccountKey: ref(keyServiceAccount + ".public_key"),
		TLS: apiServerTLS{
			Kubernetes:    keyPair{CA: c.clientAuthority(), Certificate: chainOf(certMaster), PrivateKey: ref(certMaster + ".private_key")},
			KubeletClient: pairWithoutCA(certToNodes),
		},
		AuditPolicy: c.auditPolicy(),
		Arguments:   c.apiServerArguments(),
	}
	if proxy, ok := c.proxyFor(jobAPIServer); ok {
		p.HTTPProxy, p.HTTPSProxy, p.NoProxy = proxy.http, proxy.https, proxy.noProxy
	}
	c.oidc(&p)
	c.customizeAPIServer(&p)
	c.consumeCloudProvider(jobs.add(jobAPIServer, p), masterGroup)
}

func (c *cluster) apiServerArguments() arguments {
	a := arguments{
		"authorization-mode":          "RBAC",
		"secure-port":                 apiServerPort,
		"service-cluster-ip-range":    c.network.services.String(),
		"enable-aggregator-routing":   true,
		"enable-bootstrap-token-auth": true,
		"enable-swagger-ui":           true,
		"runtime-config":              "api/v1",
		"storage-media-type":          "application/json",
		"v":                           2,
		"enable-admission-plugins":    nonNil(c.plan.AdmissionPlugins),
		"disable-admission-plugins":   nonNil(c.plan.DisabledAdmissionPlugins),
		"token-auth-file":             apiServerFiles + "tokens.csv",
		"client-ca-file":              apiServerFiles + "kubernetes-ca.pem",

		"tls-cert-file":        apiServerFiles + "kubernetes.pem",
		"tls-private-key-file": apiServerFiles + "kubernetes-key.pem",

		"audit-log-path":      "/var/vcap/sys/log/kube-apiserver/audit.log",
		"audit-log-maxage":    0,
		"audit-log-maxbackup": 7,
		"audit-log-maxsize":   49,
		"audit-policy-file":   apiServerFiles + "audit_policy.yml",

		"requestheader-allowed-names":        "aggregator",
		"requestheader-client-ca-file":       apiServerFiles + "kubernetes-ca.pem",
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-username-headers":     "X-Remote-User",
		"proxy-client-cert-file":             apiServerFiles + "kubernetes.pem",
		"proxy-client-key-file":              apiServerFiles + "kubernetes-key.pem",

		"etcd-cafile":   apiServerFiles + "etcd-ca.crt",
		"etcd-certfile": apiServerFiles + "etcd-client.crt",
		"etcd-keyfile":  apiServerFiles + "etcd-client.key",

		"kubelet-client-certificate": apiServerFiles + "kubelet-client-cert.pem",
		"kubelet-client-key":         apiServerFiles + "kubelet-client-key.pem",
		"service-account-key-file":   apiServerFiles + "service-account-public-key.pem",
	}
	if c.plan.AllowPrivilegedContainers {
		a["allow-privileged"] = true
	}
	if c.plan.AnonymousAuth != nil {
		a["anonymous-auth"] = *c.plan.AnonymousAuth
	}
	return a.supported(jobAPIServer, c.kubernetes)
}

// auditPolicy is the plan's, or one that records who changed what without the
// bodies of secrets.
func (c *cluster) auditPolicy() map[string]any {
	if c.plan.AuditPolicy != nil {
		return c.plan.AuditPolicy
	}
	rule := func(level string, more map[string]any) map[string]any {
		r := map[string]any{"level": level}
		for k, v := range more {
			r[k] = v
		}
		return r
	}
	resources := func(group string, names ...string) []any {
		return []any{map[string]any{"group": group, "resources": names}}
	}
	return map[string]any{
		"apiVersion": "audit.k8s.io/v1",
		"kind":       "Policy",
		"omitStages": []string{"RequestReceived"},
		"rules": []any{
			rule("None", map[string]any{"nonResourceURLs": []string{"/healthz*", "/livez*", "/readyz*", "/version", "/swagger*"}}),
			rule("None", map[string]any{"resources": resources("", "events")}),
			rule("None", map[string]any{
				"users": []string{"system:kube-controller-manager", "system:kube-scheduler"},
				"verbs": []string{"get", "update"}, "resources": resources("", "endpoints"),
			}),
			rule("Metadata", map[string]any{"resources": append(resources("", "secrets", "configmaps", "serviceaccounts/token"), resources("authentication.k8s.io", "tokenreviews")...)}),
			rule("Request", map[string]any{"verbs": []string{"create", "update", "patch", "delete", "deletecollection"}}),
			rule("Metadata", nil),
		},
	}
}

// checkAdmission refuses a plugin that is both wanted and not.
func (p *plan) checkAdmission() error {
	for _, list := range [][]string{p.AdmissionPlugins, p.DisabledAdmissionPlugins} {
		for _, name := range list {
			if !admissionPlugin.MatchString(name) {
				return refuse("plan.properties.admission_plugins has %q, which is not the name of an admission plugin.", name).
					WithRemedy("Write one name per entry, such as PodSecurityPolicy.")
			}
		}
		if twice := firstRepeated(list); twice != "" {
			return refuse("plan.properties.admission_plugins names %q twice.", twice).WithRemedy("Name each plugin once.")
		}
	}
	for _, name := range p.AdmissionPlugins {
		if slices.Contains(p.DisabledAdmissionPlugins, name) {
			return refuse("plan.properties: admission plugin %q is in admission_plugins and in disabled_admission_plugins.", name).
				WithRemedy("Remove it from one of them.")
		}
	}
	return nil
}

func nonNil(words []string) []string {
	if words == nil {
		return []string{}
	}
	return words
}
