package jobs

import (
	_ "embed"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// kwokPort is where kwok serves in the kubelet's place.
const kwokPort = 10250

// stages are the lives of nodes and pods on simulated machines, for kwok.
//
//go:embed stages.yml
var stages string

// kwok makes a program play this one node: it keeps the Node object alive and pretends that the pods on it
// run (reference/local-kubernetes.md §6.1). The Node itself is made by the pre-start hook.
func (t *template) kwok(kubeconfig string, env map[string]string, kubelet arguments) {
	address := t.Address.String()
	serve := net.JoinHostPort(address, strconv.Itoa(kwokPort))
	a := arguments{}
	for flag, value := range map[string]string{
		"kubeconfig": kubeconfig, "config": t.configFile("stages.yml", stages), "manage-single-node": address,
		"node-lease-duration-seconds": "40", "cidr": t.podRange().String(),
		"server-address": serve, "node-name": address, "node-ip": address, "node-port": strconv.Itoa(kwokPort),
	} {
		a.set(flag, value)
	}
	node, status := t.node(env["KUBELET_VERSION"], kubelet)
	env["NODE_FILE"] = t.document("node.yml", node)
	env["STATUS_FILE"] = t.document("node-status.yml", status)
	start := maps.Clone(env)
	start["LEASE"], start["KUBECONFIG"] = address, kubeconfig
	start["KWOK_WORKDIR"] = path.Join(t.Vcap, "data", "kwok")
	t.process("kubelet", append([]string{t.script("kubelet.sh", "kubelet"), t.pkg("kwok", "bin", "kwok")}, a.list()...), start,
		&agent.Probe{HTTP: "http://" + serve + "/healthz"}, 10*time.Second)
}

// node is the Node object, and what a kubelet would report of it. It is reported as not ready: that it is,
// is kwok's to say.
func (t *template) node(version string, kubelet arguments) (node, status map[string]any) {
	address := t.Address.String()
	labels := map[string]any{"kubernetes.io/hostname": address, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
	for label := range strings.SplitSeq(kubelet.value("node-labels"), ",") {
		if key, value, ok := strings.Cut(label, "="); ok {
			labels[key] = value
		}
	}
	resources := map[string]any{
		"cpu": t.size("cpu", "2"), "memory": t.size("ram", "2048") + "Mi", "pods": "110", "ephemeral-storage": "20Gi",
	}
	spec := map[string]any{}
	if taints := taintsOf(kubelet.value("register-with-taints")); len(taints) > 0 {
		spec["taints"] = taints
	}
	node = map[string]any{
		"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": address, "labels": labels}, "spec": spec,
	}
	status = map[string]any{"status": map[string]any{
		"addresses":   []any{map[string]any{"type": "InternalIP", "address": address}, map[string]any{"type": "Hostname", "address": address}},
		"capacity":    resources,
		"allocatable": resources,
		"conditions":  []any{map[string]any{"type": "Ready", "status": "False", "reason": "KubeletStarting", "message": "kwok has not begun to play this node"}},
		"nodeInfo": map[string]any{
			"kubeletVersion": version, "kubeProxyVersion": "", "containerRuntimeVersion": "kwok://", "operatingSystem": "linux",
			"architecture": "amd64", "osImage": "simulated", "kernelVersion": "", "machineID": t.spec.ID, "systemUUID": t.spec.ID, "bootID": t.spec.AgentID,
		},
	}}
	return node, status
}

// size reads one of the VM type's cloud properties.
func (t *template) size(name, otherwise string) string {
	if text, ok := scalar(t.spec.CloudProperties[name]); ok {
		if n, err := strconv.ParseUint(text, 10, 31); err == nil && n > 0 {
			return text
		}
	}
	return otherwise
}

// taintsOf reads KEY=VALUE:EFFECT,… as the kubelet does.
func taintsOf(text string) []any {
	var out []any
	for taint := range strings.SplitSeq(text, ",") {
		rest, effect, ok := strings.Cut(taint, ":")
		if !ok {
			continue
		}
		key, value, _ := strings.Cut(rest, "=")
		out = append(out, map[string]any{"key": key, "value": value, "effect": effect})
	}
	return out
}

// podRange is the part of the pod network that the pods of this node have addresses from: flannel would
// lease one, here the machine's own address chooses it.
func (t *template) podRange() netip.Prefix {
	network := netip.MustParsePrefix("10.200.0.0/16")
	if flannel, ok := t.spec.Job("flanneld"); ok {
		v, _ := lookup(flannel.Properties, "pod-network-cidr")
		text, _ := scalar(v)
		if p, err := netip.ParsePrefix(text); err == nil && p.Addr().Is4() && p.Bits() <= 24 {
			network = p.Masked()
		}
	}
	own, base := t.Address.As16(), network.Addr().As4()
	number := (uint32(own[14])<<8 | uint32(own[15])) % (1 << (24 - network.Bits()))
	start := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8
	start += number << 8
	text := fmt.Sprintf("%d.%d.%d.1/24", byte(start>>24), byte(start>>16), byte(start>>8))
	return netip.MustParsePrefix(text)
}
