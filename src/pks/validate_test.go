package pks

import (
	"strings"
	"testing"
)

func TestClusterNames(t *testing.T) {
	t.Parallel()
	good := []string{"a", "demo", "Demo-1", "a---b", "under_score", "dots.inside", strings.Repeat("x", 63), "0"}
	for _, name := range good {
		if err := ValidateClusterName(name); err != nil {
			t.Errorf("%q was refused: %v", name, err)
		}
	}
	bad := []string{"", "-a", "a-", "_a", ".a", "a.", "a&b", "a b", "a/b", "ä", "a\n", "$(x)", "\"", strings.Repeat("x", 64)}
	for _, name := range bad {
		checkRefusal(t, name, ValidateClusterName(name), "name")
	}
}

func TestMasterHosts(t *testing.T) {
	t.Parallel()
	good := []string{"demo.example.com", "localhost", "10.0.0.1", "fd00::1", "Demo.Example.COM", "a-b.c", strings.Repeat("a", 60) + ".com"}
	for _, host := range good {
		if err := ValidateMasterHost(host); err != nil {
			t.Errorf("%q was refused: %v", host, err)
		}
	}
	bad := []string{
		"", "demo_x.example.com", "*.example.com", "-a.com", "a-.com", "a..b", ".a", "a.", "https://a.com", "a.com:8443", `a\b`, "a b",
		"300.1.1.1", "1.2.3", "0.0.0.0", "::", "224.0.0.1", "fe80::1%eth0", strings.Repeat("a", 64) + ".c", strings.Repeat("a.", 33) + "b", "ä.com",
	}
	for _, host := range bad {
		checkRefusal(t, host, ValidateMasterHost(host), "kubernetes_master_host")
	}
}

func TestPortsAndWorkers(t *testing.T) {
	t.Parallel()
	for _, port := range []int{0, -1, 65536} {
		checkRefusal(t, "port", ValidateMasterPort(port), "kubernetes_master_port")
	}
	plan := Plan{Name: "small", MaxWorkerInstances: 5}
	for _, n := range []int{0, -3, 6, 1 << 40} {
		checkRefusal(t, "workers", plan.ValidateWorkers("kubernetes_worker_instances", n), "kubernetes_worker_instances")
	}
	spec := ClusterSpec{ClusterName: "demo", MasterHost: "demo.example.com", MasterPort: 8443, WorkerInstances: 5}
	if err := spec.Validate(plan); err != nil {
		t.Errorf("a good spec was refused: %v", err)
	}
	spec.WorkerInstances = 6
	checkRefusal(t, "spec", spec.Validate(plan), "parameters.kubernetes_worker_instances")
}

// checkRefusal wants a failure that names the field and says what to do.
func checkRefusal(t *testing.T, what string, err error, field string) {
	t.Helper()
	if err == nil {
		t.Errorf("%q was let through", what)
		return
	}
	f := AsFailure(err)
	if f.Code != CodeInvalidRequest || !strings.Contains(f.User, field) || f.Remedy == "" {
		t.Errorf("%q: %s, %q, remedy %q: want %s that names %s and a remedy", what, f.Code, f.User, f.Remedy, CodeInvalidRequest, field)
	}
}

func FuzzValidateNames(f *testing.F) {
	f.Add("demo", "demo.example.com")
	f.Add("", "::1")
	f.Fuzz(func(t *testing.T, name, host string) {
		if ValidateClusterName(name) == nil && (len(name) > 63 || strings.ContainsAny(name, " \n\"'$&/\\")) {
			t.Errorf("%q passed", name)
		}
		if ValidateMasterHost(host) == nil && (len(host) > 64 || strings.ContainsAny(host, " \n\"'$&/\\*_%")) {
			t.Errorf("%q passed", host)
		}
	})
}
