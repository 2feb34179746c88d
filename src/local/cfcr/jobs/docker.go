package jobs

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

const (
	containerdSocket = "/run/containerd/containerd.sock"
	pauseImage       = "localhost/pause:1"
)

// docker is reference/cluster-manifest.md §5.8 for containerd, which Kubernetes has taken in its place. The
// process keeps the name that BOSH shows.
func docker(t *template) {
	settings := t.containerd()
	if t.Simulated {
		return
	}
	file := t.configFile("containerd.toml", settings)
	env := t.proxies("env.")
	env["NOFILE"] = t.nofile()
	t.process("docker", []string{t.script("containerd.sh", "docker"), t.pkg("containerd", "bin", "containerd"), "--config", file},
		env, &agent.Probe{Unix: containerdSocket}, 20*time.Second)
	t.hook(machine.PostStop, "docker-post-stop.sh", time.Minute, nil)
}

// containerd is the configuration file (reference/local-kubernetes.md §3.7). Its format is TOML; all values
// are quoted texts, numbers or booleans.
func (t *template) containerd() string {
	q := func(s string) string { return strconv.Quote(s) }
	snapshotter := "overlayfs"
	switch driver := t.optional("storage_driver", "overlay2"); driver {
	case "overlay", "overlay2":
	case "vfs":
		snapshotter = "native"
	default:
		t.warn("property storage_driver %s is carried as overlay2: containerd does not have it here", driver)
	}
	level := t.optional("log_level", "error")
	if !slices.Contains([]string{"trace", "debug", "info", "warn", "error", "fatal", "panic"}, level) {
		t.fail("property log_level %q is not a level", level)
	}
	t.withoutContainerd()
	runc := t.pkg("runc", "bin", "runc")
	if t.Rootless {
		runc = t.file(t.dir("bin", "runc"), modeScript, fmt.Sprintf("#!/bin/sh\nexec %s %s %s \"$@\"\n", shellQuote(t.program()), RuncWrapperCommand, shellQuote(runc)))
	}
	lines := []string{
		"version = 3",
		"root = " + q(path.Join(t.here(t.optional("store_dir", "/var/vcap/data")), "containerd")),
		`state = "/run/containerd"`,
		"oom_score = 0",
		`disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs"]`,
		"[debug]",
		"  level = " + q(level),
		"[grpc]",
		"  address = " + q(containerdSocket),
		`[plugins."io.containerd.cri.v1.runtime"]`,
		"  restrict_oom_score_adj = true",
		fmt.Sprintf("  disable_apparmor = %t", t.Rootless),
		`  [plugins."io.containerd.cri.v1.runtime".cni]`,
		"    bin_dirs = [" + q(t.pkg("cni", "bin")) + "]",
		`    conf_dir = "/etc/cni/net.d"`,
		`  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]`,
		`    runtime_type = "io.containerd.runc.v2"`,
		`    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]`,
		"      BinaryName = " + q(runc),
		"      SystemdCgroup = false",
		`[plugins."io.containerd.cri.v1.images"]`,
		"  snapshotter = " + q(snapshotter),
		`  [plugins."io.containerd.cri.v1.images".pinned_images]`,
		"    sandbox = " + q(pauseImage),
		`  [plugins."io.containerd.cri.v1.images".registry]`,
		"    config_path = " + q(t.dir("config", "certs.d")),
	}
	t.registries()
	return strings.Join(lines, "\n") + "\n"
}

// withoutContainerd tells what dockerd had and containerd has not. What is left out without a word is what
// containerd does anyway, or flannel and kube-proxy do for it.
func (t *template) withoutContainerd() {
	if len(t.words("dns_servers")) > 0 {
		t.warn("property dns_servers does nothing: pods have the cluster's DNS")
	}
	if t.flag("iptables", false) {
		t.warn("property iptables does nothing: kube-proxy and flannel write the rules")
	}
	if address := t.optional("tcp_address", "127.0.0.1"); address != "127.0.0.1" {
		t.warn("property tcp_address does nothing: containerd listens on its socket only")
	}
	for _, option := range t.words("log_options") {
		if key, _, _ := strings.Cut(option, "="); key != "max-size" && key != "max-file" {
			t.warn("property log_options: option %s does nothing: the kubelet writes the logs", key)
		}
	}
	for _, limit := range t.words("default_ulimits") {
		if key, _, _ := strings.Cut(limit, "="); key != "nofile" {
			t.warn("property default_ulimits: limit %s does nothing: containers have that of their machine", key)
		}
	}
}

// nofile is the number of files a container may have open.
func (t *template) nofile() string {
	for _, limit := range t.words("default_ulimits") {
		if value, ok := strings.CutPrefix(limit, "nofile="); ok {
			soft, _, _ := strings.Cut(value, ":")
			if _, err := strconv.ParseUint(soft, 10, 32); err != nil {
				t.fail("property default_ulimits: nofile is not a number")
			}
			return soft
		}
	}
	return t.optional("ulimit.nofile", "8192")
}

// registry is what containerd's file for one registry says.
type registry struct {
	server string
	hosts  []registryHost
}

type registryHost struct {
	url      string
	ca       string
	insecure bool
}

// registries writes one folder per registry with its mirrors and its trust (containerd docs/hosts.md).
func (t *template) registries() {
	all := map[string]*registry{}
	of := func(name string) *registry {
		if all[name] == nil {
			all[name] = &registry{}
		}
		return all[name]
	}
	for _, mirror := range t.words("registry_mirrors") {
		hub := of("docker.io")
		hub.server = "https://registry-1.docker.io"
		hub.hosts = append(hub.hosts, registryHost{url: mirror})
	}
	for i, entry := range t.entries("registry_ca_cert") {
		domain, _ := scalar(entry["domain_name"])
		ca, _ := scalar(entry["ca_cert"])
		if !registryName(domain) || ca == "" {
			t.fail("property registry_ca_cert: element %d needs a domain_name and a ca_cert", i)
			continue
		}
		file := t.configFile(path.Join("certs.d", domain, "ca.crt"), ca)
		of(domain).hosts = append(of(domain).hosts, registryHost{url: "https://" + domain, ca: file})
	}
	for _, name := range t.words("insecure_registries") {
		if strings.Contains(name, "/") {
			t.warn("property insecure_registries: %s does nothing: containerd knows registries by host, not by range", name)
			continue
		}
		if !registryName(name) {
			t.fail("property insecure_registries: %q is not a host", name)
			continue
		}
		of(name).hosts = append(of(name).hosts, registryHost{url: "https://" + name, insecure: true}, registryHost{url: "http://" + name})
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.configFile(path.Join("certs.d", name, "hosts.toml"), all[name].toml())
	}
}

// registryName tells whether a name can be that of a folder.
func registryName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00\n")
}

func (r registry) toml() string {
	var out strings.Builder
	if r.server != "" {
		fmt.Fprintf(&out, "server = %s\n", strconv.Quote(r.server))
	}
	for _, host := range r.hosts {
		fmt.Fprintf(&out, "[host.%s]\n  capabilities = [\"pull\", \"resolve\"]\n", strconv.Quote(host.url))
		if host.ca != "" {
			fmt.Fprintf(&out, "  ca = %s\n", strconv.Quote(host.ca))
		}
		if host.insecure {
			out.WriteString("  skip_verify = true\n")
		}
	}
	return out.String()
}

// shellQuote quotes a word for a shell.
func shellQuote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
