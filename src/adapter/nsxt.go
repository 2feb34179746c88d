package adapter

import "strings"

// nsxt is the plan's "network.nsx_t" object: how NCP reaches NSX Manager, and
// what holds for clusters whose network profile does not say otherwise.
type nsxt struct {
	Managers      []string `json:"managers"`          // host names or addresses of NSX Manager
	CACert        string   `json:"ca_cert"`           // PEM
	Insecure      bool     `json:"insecure"`          // do not verify NSX Manager's certificate
	ClientCert    string   `json:"client_cert"`       // of the principal identity: PEM, or a ((reference)) to it
	ClientKey     string   `json:"client_key"`        // its key, likewise; a key that is given is kept in CredHub
	Tier0Router   string   `json:"t0_router_id"`      //
	OverlayZone   string   `json:"overlay_tz"`        //
	PodIPBlocks   []string `json:"pod_ip_block_ids"`  //
	FloatingPools []string `json:"fip_pool_ids"`      //
	LoadBalancer  string   `json:"lb_size"`           // small (default), medium, large
	PodPrefix     int      `json:"pod_subnet_prefix"` // default 24
}

func (n nsxt) check() error {
	const field = "plan.properties.network.nsx_t"
	switch {
	case len(n.Managers) == 0:
		return refuse("%s.managers is empty.", field).WithRemedy("Name the hosts of NSX Manager.")
	case n.ClientCert == "" || n.ClientKey == "":
		return refuse("%s: client_cert and client_key are missing.", field).WithRemedy("Give the certificate and the key of the principal identity, or ((references)) to where CredHub has them.")
	case n.CACert == "" && !n.Insecure:
		return refuse("%s.ca_cert is missing.", field).WithRemedy("Give NSX Manager's CA certificate, or set insecure.")
	case len(n.PodIPBlocks) == 0 || len(n.FloatingPools) == 0 || n.Tier0Router == "":
		return refuse("%s needs t0_router_id, pod_ip_block_ids and fip_pool_ids.", field).WithRemedy("Give their ids as NSX Manager shows them.")
	}
	return nil
}

// The jobs of the releases nsx-cf-cni and pks-nsx-t (reference/cluster-manifest.md
// §14). Their property names are not published; these follow the sections and
// keys of NCP's own configuration file.
type ncpProperties struct {
	NSX  map[string]any `yaml:"nsx_v3"`
	COE  map[string]any `yaml:"coe"`
	HA   map[string]any `yaml:"ha"`
	K8s  map[string]any `yaml:"k8s"`
	TLS  ncpTLS         `yaml:"tls"`
	Auth ncpIdentity    `yaml:"nsx_api"`
}

type ncpTLS struct {
	Kubernetes authority `yaml:"kubernetes"`
}

type ncpIdentity struct {
	Certificate string `yaml:"client_certificate"`
	PrivateKey  string `yaml:"client_private_key"`
	CA          string `yaml:"ca,omitempty"`
	Insecure    bool   `yaml:"insecure"`
}

type nodeAgentProperties struct {
	Agent map[string]any `yaml:"nsx_node_agent"`
	COE   map[string]any `yaml:"coe"`
}

// ncpMaster puts NCP beside every API server; one is active, the others wait.
func (c *cluster) ncpMaster(jobs *jobList) {
	if c.network.cni != cniNSXT {
		return
	}
	plan, profile := c.plan.Network.NSXT, c.profile
	prefix := profile.PodSubnetPrefix
	if prefix == 0 {
		prefix = plan.PodPrefix
	}
	if prefix == 0 {
		prefix = 24
	}
	p := ncpProperties{
		NSX: map[string]any{
			"nsx_api_managers":     plan.Managers,
			"tier0_gateway":        or(profile.Tier0RouterID, plan.Tier0Router),
			"container_ip_blocks":  orList(profile.PodIPBlockIDs, plan.PodIPBlocks),
			"external_ip_pools":    orList(profile.FloatingPoolIDs, plan.FloatingPools),
			"service_size":         strings.ToUpper(or(or(profile.LoadBalancerSize, plan.LoadBalancer), "small")),
			"subnet_prefix":        prefix,
			"single_tier_topology": profile.SingleTier == nil || *profile.SingleTier,
			"policy_nsxapi":        true,
		},
		COE: map[string]any{
			"cluster": c.deployment, "enable_snat": profile.PodRoutable == nil || !*profile.PodRoutable,
			"adaptor_name": "kubernetes", "node_type": "HOSTVM",
		},
		HA:   map[string]any{"enable": true},
		K8s:  map[string]any{"apiserver_host_ip": masterInternal, "apiserver_host_port": apiServerPort},
		TLS:  ncpTLS{c.masterAuthority()},
		Auth: ncpIdentity{Certificate: plan.ClientCert, PrivateKey: c.hide(secretNSXKey, plan.ClientKey), CA: plan.CACert, Insecure: plan.Insecure},
	}
	if plan.OverlayZone != "" {
		p.NSX["overlay_tz"] = plan.OverlayZone
	}
	if profile.CNI != nil {
		profile.CNI.Parameters.apply(&p)
	}
	jobs.add("ncp", p)
}

// apply lays the profile's settings over NCP's configuration.
func (p cniParameters) apply(to *ncpProperties) {
	set := func(section map[string]any, key string, value any) {
		switch v := value.(type) {
		case *bool:
			if v != nil {
				section[key] = *v
			}
		case *int:
			if v != nil {
				section[key] = *v
			}
		case string:
			if v != "" {
				section[key] = v
			}
		}
	}
	set(to.NSX, "use_native_loadbalancer", p.NSXLB)
	set(to.NSX, "x_forwarded_for", p.XForwardedFor)
	set(to.NSX, "http_and_https_ingress_ip", p.IngressIP)
	set(to.NSX, "max_allowed_virtual_servers", p.MaxL4Services)
	set(to.NSX, "l4_persistence", p.L4Persistence)
	set(to.NSX, "l4_lb_algorithm", p.L4Algorithm)
	set(to.NSX, "top_firewall_section_marker", p.TopFirewallMarker)
	set(to.NSX, "bottom_firewall_section_marker", p.BottomFirewall)
	set(to.NSX, "lb_http_request_header_size", p.RequestHeaderSize)
	set(to.NSX, "lb_http_response_header_size", p.ResponseHeaderSize)
	set(to.NSX, "lb_http_response_timeout", p.ResponseTimeout)
	set(to.NSX, "client_ssl_profile", p.ClientSSLProfile)
	set(to.NSX, "lb_connection_multiplexing_enabled", p.Multiplexing)
	set(to.NSX, "lb_connection_multiplexing_number", p.MultiplexingNumber)
	set(to.K8s, "enable_hostport", p.HostPort)
	set(to.K8s, "enable_nodelocaldns", p.NodeLocalDNS)
	if p.Persistence != nil {
		set(to.NSX, "l7_persistence", p.Persistence.Type)
		to.NSX["l7_persistence_timeout"] = p.Persistence.Timeout
	}
	if p.Log != nil {
		set(to.COE, "loglevel", p.Log.Level)
		set(to.NSX, "log_firewall_traffic", p.Log.FirewallTraffic)
		set(to.NSX, "log_dropped_traffic", p.Log.DroppedTraffic)
	}
	for section, into := range map[string]map[string]any{"nsx_v3": to.NSX, "coe": to.COE, "ha": to.HA, "k8s": to.K8s} {
		if keys, ok := p.Extensions["ncp"][section].(map[string]any); ok {
			for key, value := range keys {
				into[key] = value
			}
		}
	}
}

// nsxWorker puts the node's part of NSX-T on a worker.
func (c *cluster) nsxWorker(jobs *jobList) {
	if c.network.cni != cniNSXT {
		return
	}
	agent := map[string]any{"ovs_bridge": "br-int"}
	if c.profile.CNI != nil {
		if t := c.profile.CNI.Parameters.ConnectRetryTimeout; t != nil {
			agent["connect_retry_timeout"] = *t
		}
		for key, value := range c.profile.CNI.Parameters.Extensions["nsx-node-agent"] {
			agent[key] = value
		}
	}
	jobs.add("ovsdb-server", nil)
	jobs.add("ovs-vswitchd", nil)
	jobs.add("nsx-node-agent", nodeAgentProperties{Agent: agent, COE: map[string]any{"cluster": c.deployment, "adaptor_name": "kubernetes"}})
	jobs.add("nsx-kube-proxy", nodeAgentProperties{Agent: map[string]any{"ovs_bridge": "br-int"}, COE: map[string]any{"cluster": c.deployment}})
}

func orList(words, otherwise []string) []string {
	if len(words) == 0 {
		return otherwise
	}
	return words
}
