package jobs

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// scheduler is reference/cluster-manifest.md §5.4.
func scheduler(t *template) {
	ca := t.configFile("ca.pem", t.text("tls.kubernetes.ca"))
	config := t.kubeconfig("kubeconfig", "system:kube-scheduler", t.text("api-token"), ca)
	const property = "kube-scheduler-configuration"
	configuration := t.structure(property)
	if configuration == nil {
		t.fail("property %s is missing", property)
	}
	configuration, _ = t.hereAll(configuration).(map[string]any)
	file := t.document("config.yml", t.schedulerConfiguration(property, configuration))

	a := t.arguments()
	t.own(a, "config", file)
	t.serveLocally(a)
	t.process("kube-scheduler", append([]string{t.pkg("kubernetes", "bin", "kube-scheduler")}, a.list()...),
		nil, t.healthy(a, 10259, "/healthz"), 10*time.Second)
	election, _ := configuration["leaderElection"].(map[string]any)
	if election["leaderElect"] != false && a.value("leader-elect") != "false" {
		name, _ := election["resourceName"].(string)
		t.leads(cmp.Or(name, "kube-scheduler"), config)
	}
}

const (
	schedulerGroup   = "kubescheduler.config.k8s.io/"
	schedulerVersion = schedulerGroup + "v1"
)

// schedulerConfiguration brings an old configuration to the version that is still read, which is strict
// about members that it does not know (k8s.io/kube-scheduler config/v1).
func (t *template) schedulerConfiguration(property string, old map[string]any) map[string]any {
	version, _ := scalar(old["apiVersion"])
	if t.minor < 25 || version == schedulerVersion || !strings.HasPrefix(version, schedulerGroup) {
		return old
	}
	t.warn("property %s is read as %s: Kubernetes %s no longer reads %s", property, schedulerVersion, t.Kubernetes, version)
	known := []string{
		"kind", "parallelism", "leaderElection", "clientConnection", "enableProfiling", "enableContentionProfiling",
		"percentageOfNodesToScore", "podInitialBackoffSeconds", "podMaxBackoffSeconds", "profiles", "extenders",
	}
	out := map[string]any{"apiVersion": schedulerVersion}
	for _, key := range slices.Sorted(maps.Keys(old)) {
		switch {
		case key == "apiVersion":
		case slices.Contains(known, key):
			out[key] = old[key]
		case key == "schedulerName":
			out["profiles"] = []any{map[string]any{"schedulerName": old[key]}}
		case isDefault(key, old[key]):
		default:
			t.warn("property %s.%s is left out: %s does not have it", property, key, schedulerVersion)
		}
	}
	return out
}

// isDefault tells that a member of v1alpha1 says what happens anyway.
func isDefault(key string, value any) bool { return key == "disablePreemption" && value == false }
