package adapter

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
)

// Names of the certificate variables (reference/cluster-manifest.md §7). The
// suffix of two of them is part of the name that CFCR clusters know.
const (
	caKubo      = "kubo_ca"
	caEtcd      = "etcd_ca"
	certMaster  = "tls-kubernetes"
	certKubelet = "tls-kubelet"
	certToNodes = "tls-kubelet-client"
	certManager = "tls-kube-controller-manager"
	certEtcd    = "tls-etcd-v0-29-0"
	certEtcdctl = "tls-etcdctl-v0-29-0"
	certRoot    = "tls-etcdctl-root"
	certFlannel = "flanneld"
	certMetrics = "tls-metrics-server"

	certFlanneld = "tls-etcdctl-" + certFlannel
)

const (
	etcdSuffix     = "etcd.cfcr.internal"
	masterInternal = "master.cfcr.internal"
)

// certificates is the plan's "certificates" object.
type certificates struct {
	// DurationDays is how long certificates last; 0 is the Director's own, a year.
	// It holds for certificates made from then on.
	DurationDays int `json:"duration_days"`
	// CAName is the absolute CredHub name of a CA that signs the API server's
	// certificate instead of the cluster's own.
	CAName string `json:"ca_name"`
}

func (c certificates) check() error {
	if c.DurationDays < 0 || c.DurationDays > 3650 {
		return refuse("plan.properties.certificates.duration_days is %d.", c.DurationDays).WithRemedy("Give 1 to 3650, or leave it out for 365.")
	}
	if c.CAName != "" && (!strings.HasPrefix(c.CAName, "/") || strings.ContainsAny(c.CAName, "() \t\n")) {
		return refuse("plan.properties.certificates.ca_name %q is not an absolute CredHub name.", c.CAName).
			WithRemedy("Write it with a leading slash, such as /p-bosh/kubernetes_ca.")
	}
	return nil
}

// keyPair is a certificate with its key and the CA that vouches for it.
type keyPair struct {
	CA          string `yaml:"ca,omitempty"`
	Certificate string `yaml:"certificate,omitempty"`
	PrivateKey  string `yaml:"private_key,omitempty"`
}

// authority is the part of a certificate that clients need to trust it. Jobs get
// no more of tls-kubernetes than this: its key would make them cluster admins.
type authority struct {
	CA string `yaml:"ca"`
}

func ref(name string) string { return "((" + name + "))" }

// pairOf is a certificate that one of the cluster's own authorities signs.
func (c *cluster) pairOf(name, authority string) keyPair {
	return keyPair{CA: c.trusted(authority, ref(name+".ca")), Certificate: ref(name + ".certificate"), PrivateKey: ref(name + ".private_key")}
}

// pairWithoutCA is for jobs that do not declare the CA.
func pairWithoutCA(name string) keyPair {
	return keyPair{Certificate: ref(name + ".certificate"), PrivateKey: ref(name + ".private_key")}
}

// chainOf is the certificate followed by its CA, as servers send it.
func chainOf(name string) string { return ref(name+".certificate") + ref(name+".ca") }

// masterAuthority is what clients of the API server trust.
func (c *cluster) masterAuthority() authority {
	if !c.signsMaster() {
		return authority{CA: ref(certMaster + ".ca")}
	}
	return authority{CA: c.trusted(caKubo, ref(certMaster+".ca"))}
}

// clientAuthority is what the API server trusts clients by. When another CA than
// the cluster's signs its certificate, the cluster's must stay in the list: it
// signs the other certificates (reference/cluster-manifest.md §18 trap 19).
func (c *cluster) clientAuthority() string {
	if c.signsMaster() {
		return c.masterAuthority().CA
	}
	return ref(certMaster+".ca") + c.trusted(caKubo, ref(c.authority(caKubo)+".certificate"))
}

type certificateOptions struct {
	CA           string   `yaml:"ca,omitempty"`
	CommonName   string   `yaml:"common_name"`
	Organization string   `yaml:"organization,omitempty"`
	Unit         string   `yaml:"organization_unit,omitempty"`
	IsCA         bool     `yaml:"is_ca,omitempty"`
	SANs         []string `yaml:"alternative_names,omitempty"`
	ExtendedUse  []string `yaml:"extended_key_usage,omitempty"`
	KeyUse       []string `yaml:"key_usage,omitempty"`
	Duration     int      `yaml:"duration,omitempty"` // days
}

// certificateVariables lists the CAs and certificates, each CA before what it
// signs.
func (c *cluster) certificateVariables() []bosh.Variable {
	const clientAuth, serverAuth = "client_auth", "server_auth"
	const admins = "system:masters"
	certificate := func(name string, o certificateOptions) bosh.Variable {
		o.Duration = c.plan.Certs.DurationDays
		return bosh.Variable{Name: name, Type: "certificate", Options: properties(o)}
	}
	kubo, etcd := c.authority(caKubo), c.authority(caEtcd)
	var vars []bosh.Variable
	for _, name := range c.generations(caKubo) {
		vars = append(vars, certificate(name, certificateOptions{CommonName: "ca", IsCA: true}))
	}
	vars = append(vars,
		certificate(certKubelet, certificateOptions{CA: kubo, CommonName: "kubelet.cfcr.internal", Organization: "system:nodes"}),
		certificate(certToNodes, certificateOptions{CA: kubo, CommonName: "kube-apiserver.cfcr.internal", Organization: admins, ExtendedUse: []string{clientAuth}}),
		certificate(certMaster, certificateOptions{CA: c.masterCA(), CommonName: masterInternal, Organization: admins, Unit: c.masterUnit(), SANs: c.masterNames()}),
		certificate(certManager, certificateOptions{CA: kubo, CommonName: "kube-controller-manager", SANs: []string{"localhost", "127.0.0.1"},
			ExtendedUse: []string{serverAuth}, KeyUse: []string{"digital_signature", "key_encipherment"}}),
		certificate(certMetrics, certificateOptions{CA: kubo, CommonName: "metrics-server", SANs: []string{"metrics-server.kube-system.svc"}}),
	)
	for _, name := range c.generations(caEtcd) {
		vars = append(vars, certificate(name, certificateOptions{CommonName: "etcd.ca", IsCA: true}))
	}
	vars = append(vars,
		certificate(certEtcd, certificateOptions{CA: etcd, CommonName: "*." + etcdSuffix, SANs: []string{"*." + etcdSuffix}, ExtendedUse: []string{clientAuth, serverAuth}}),
		certificate(certEtcdctl, certificateOptions{CA: etcd, CommonName: "etcdClient", ExtendedUse: []string{clientAuth}}),
		certificate(certRoot, certificateOptions{CA: etcd, CommonName: "root", ExtendedUse: []string{clientAuth}}),
	)
	if c.network.cni == cniFlannel {
		vars = append(vars, certificate(certFlanneld, certificateOptions{CA: etcd, CommonName: certFlannel, ExtendedUse: []string{clientAuth}}))
	}
	for i := range vars {
		// The host name of a cluster may change; without converge the Director would
		// keep the certificate that does not have it. Nor would it make those anew whose
		// authority has changed.
		if vars[i].Name == certMaster || c.spec.Certificates.Generation > 0 && !isAuthority(vars[i].Name) {
			vars[i].UpdateMode = "converge"
		}
	}
	return vars
}

// masterNames are the names and addresses by which the API server is reached:
// inside by the service's first address, outside by the cluster's host name.
func (c *cluster) masterNames() []string {
	names := []string{
		c.network.apiService.String(),
		"kubernetes",
		"kubernetes.default",
		"kubernetes.default.svc",
		"kubernetes.default.svc." + clusterDomain,
		masterInternal,
	}
	host := c.spec.MasterHost
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
	}
	if host != "" && !slices.Contains(names, host) {
		names = append(names, host)
	}
	return names
}
