package jobs

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kubeletConfiguration is the manifest's with what a machine in miniature needs laid over it
// (reference/local-kubernetes.md §3.5, §5).
func (t *template) kubeletConfiguration() map[string]any {
	const property = "kubelet-configuration"
	given := t.structure(property)
	if given == nil {
		t.fail("property %s is missing", property)
		return nil
	}
	c, _ := t.hereAll(given).(map[string]any)
	t.configuredGates(property, c)
	forced := map[string]any{
		"containerRuntimeEndpoint": "unix://" + containerdSocket,
		"cgroupDriver":             "cgroupfs",
		// Images cannot be fetched again, and swap is this host's business.
		"imageGCHighThresholdPercent": 100,
		"failSwapOn":                  false,
		"enforceNodeAllocatable":      []any{},
	}
	if t.minor >= 31 {
		forced["failCgroupV1"] = false
	}
	if t.Rootless {
		forced["cgroupsPerQOS"] = false
		forced["localStorageCapacityIsolation"] = false
		gates, _ := c["featureGates"].(map[string]any)
		gates = maps.Clone(gates)
		if gates == nil {
			gates = map[string]any{}
		}
		gates["KubeletInUserNamespace"] = true
		c["featureGates"] = gates
	} else {
		forced["cgroupRoot"] = "/"
	}
	for _, key := range slices.Sorted(maps.Keys(forced)) {
		if was, set := c[key]; set && !same(was, forced[key]) {
			t.warn("property %s.%s has no effect: machines on one host share its swap, disks and cgroups", property, key)
		}
		c[key] = forced[key]
	}
	t.evictions(property, c)
	t.containerLogs(c)
	return c
}

func same(a, b any) bool {
	x, ok := scalar(a)
	y, also := scalar(b)
	return ok && also && x == y
}

// evictions switches those for a full disk off: all machines share the host's disk and would evict at once.
func (t *template) evictions(property string, c map[string]any) {
	hard, _ := c["evictionHard"].(map[string]any)
	hard = maps.Clone(hard)
	if hard == nil {
		hard = map[string]any{}
	}
	for _, signal := range []string{"imagefs.available", "imagefs.inodesFree", "nodefs.available", "nodefs.inodesFree"} {
		if was, set := hard[signal]; set && !same(was, "0%") {
			t.warn("property %s.evictionHard.%s has no effect: machines on one host share its disks", property, signal)
		}
		hard[signal] = "0%"
	}
	if _, set := hard["memory.available"]; !set {
		hard["memory.available"] = "50Mi"
	}
	c["evictionHard"] = hard
}

// dockerSize is a size as dockerd takes it.
var dockerSize = regexp.MustCompile(`^([0-9]+)([kmg]?)b?$`)

// containerLogs carries the docker job's log options over: since containerd the kubelet rotates the logs.
func (t *template) containerLogs(c map[string]any) {
	docker, _ := t.spec.Job("docker")
	options, _ := lookup(docker.Properties, "log_options")
	list, _ := options.([]any)
	for _, option := range list {
		text, _ := scalar(option)
		key, value, _ := strings.Cut(text, "=")
		switch key {
		case "max-size":
			m := dockerSize.FindStringSubmatch(strings.ToLower(value))
			if _, set := c["containerLogMaxSize"]; set || m == nil {
				continue
			}
			c["containerLogMaxSize"] = m[1] + map[string]string{"": "", "k": "Ki", "m": "Mi", "g": "Gi"}[m[2]]
		case "max-file":
			n, err := strconv.Atoi(value)
			if _, set := c["containerLogMaxFiles"]; !set && err == nil && n > 1 {
				c["containerLogMaxFiles"] = n
			}
		}
	}
}

// duration returns a property that kubectl takes as a duration.
func (t *template) duration(name, otherwise string) string {
	s := t.optional(name, otherwise)
	if _, err := time.ParseDuration(s); err != nil {
		t.fail("property %s %q is not a duration such as 5m", name, s)
	}
	return s
}

func (t *template) wholeSeconds(name string, otherwise int) string {
	return strconv.Itoa(t.number(name, otherwise))
}

func (t *template) truth(name string, otherwise bool) string {
	return strconv.FormatBool(t.flag(name, otherwise))
}
