package jobs

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

const (
	flannelPrefix     = "/coreos.com/network"
	flannelSubnetFile = "/run/flannel/subnet.env"
	podBridge         = "cni0"
)

// flanneld is reference/cluster-manifest.md §5.7 with flannel's host-gw backend: the machines of a
// deployment share one bridge, so no overlay is needed. Simulated machines have no pods.
func flanneld(t *template) {
	etcd := t.link("etcd")
	network, err := netip.ParsePrefix(t.optional("pod-network-cidr", "10.200.0.0/16"))
	if err != nil {
		t.fail("property pod-network-cidr is not a range of addresses such as 10.200.0.0/16")
	}
	ca := t.secretFile("etcd-ca.crt", t.text("tls.etcdctl.ca"))
	certificate := t.secretFile("etcd-client.crt", t.text("tls.etcdctl.certificate"))
	key := t.secretFile("etcd-client.key", t.text("tls.etcdctl.private_key"))
	backend := t.optional("backend-type", "vxlan")
	if backend != "host-gw" {
		t.warn("property backend-type %s is carried as host-gw: the machines of a cluster share one network here", backend)
	}
	for _, name := range []string{"vni", "port"} {
		if _, set := t.value(name); set {
			t.warn("property %s does nothing: there is no overlay", name)
		}
	}
	if t.Simulated {
		return
	}
	configuration, err := json.Marshal(map[string]any{
		"Network": network.String(), "EnableNFTables": t.Nftables || t.NoBridgeFilter, "Backend": map[string]any{"Type": "host-gw"},
	})
	if err != nil {
		t.fail("write the network's configuration: %w", err)
	}
	t.file("/etc/cni/net.d/50-flannel.conflist", modePublic, t.conflist())

	endpoints := strings.Join(t.etcdEndpoints(etcd), ",")
	a := arguments{}
	for flag, value := range map[string]string{
		"etcd-endpoints": endpoints, "etcd-cafile": ca, "etcd-certfile": certificate, "etcd-keyfile": key,
		"etcd-prefix": flannelPrefix, "iface": "eth0", "ip-masq": "true", "subnet-file": flannelSubnetFile,
		"healthz-ip": "127.0.0.1",
	} {
		a.set(flag, value)
	}
	t.process("flanneld", append([]string{t.script("flanneld.sh", "flanneld"), t.pkg("flannel", "bin", "flanneld")}, a.list()...),
		map[string]string{
			"ETCDCTL_ENDPOINTS": endpoints, "ETCDCTL_CACERT": ca, "ETCDCTL_CERT": certificate, "ETCDCTL_KEY": key,
			"NETWORK_KEY": flannelPrefix + "/config", "NETWORK": string(configuration), "SUBNET_FILE": flannelSubnetFile,
		}, &agent.Probe{File: flannelSubnetFile}, 5*time.Second)
}

// conflist tells the container runtime how a pod gets its address: flannel's plugin puts this machine's
// range into the bridge plugin (reference/local-kubernetes.md §3.8).
func (t *template) conflist() string {
	bridge, masquerade := podBridge, false
	if docker, ok := t.spec.Job("docker"); ok {
		if v, ok := lookup(docker.Properties, "bridge"); ok {
			bridge, _ = scalar(v)
		}
		v, _ := lookup(docker.Properties, "ip_masq")
		masquerade = v == true
	}
	text, err := json.MarshalIndent(map[string]any{
		"cniVersion": "0.4.0", "name": "flannel",
		"plugins": []any{
			map[string]any{
				"type": "flannel", "subnetFile": flannelSubnetFile, "dataDir": "/var/lib/cni/flannel",
				"delegate": map[string]any{"bridge": bridge, "isDefaultGateway": true, "hairpinMode": true, "ipMasq": masquerade},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		},
	}, "", "  ")
	if err != nil {
		t.fail("write the CNI configuration: %w", err)
	}
	return string(text) + "\n"
}
