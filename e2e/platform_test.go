package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
)

// The broker knows the clusters of pks-api: operators see how many there are, and
// which deployments nobody asked for.
func TestBrokerKnowsTheClustersOfThePlatform(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	s.login("client", "admin")
	s.must(s.pks("create-cluster", "demo", "-e", "demo.pks.local", "-p", "small", "--wait", "--non-interactive"))
	demo := s.cluster("demo").UUID
	manage := func(path string, into any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url(3)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("broker", s.secret("broker_password"))
		a := s.do(req)
		if err := json.Unmarshal([]byte(a.body), into); err != nil || a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
	}
	var instances []struct {
		ID string `json:"service_instance_id"`
	}
	if manage("/mgmt/service_instances", &instances); len(instances) != 1 || instances[0].ID != demo {
		t.Errorf("instances %v, cluster %s", instances, demo)
	}
	var metrics []struct {
		Key   string
		Value float64
	}
	manage("/mgmt/metrics", &metrics)
	found := false
	for _, m := range metrics {
		found = found || m.Key == "/on-demand-broker/p.pks/total_instances" && m.Value == 1
	}
	if !found {
		t.Errorf("metrics %v", metrics)
	}
	var orphans []struct {
		Name string `json:"deployment_name"`
	}
	if manage("/mgmt/orphan_deployments", &orphans); len(orphans) != 0 {
		t.Errorf("orphans %v", orphans)
	}

	// The login is for that list alone, and nobody else's is taken.
	for path, logins := range map[string]map[string]int{
		"/service_instances": {s.secret("service_instances_password"): 200, "wrong": 401},
		"/v1/clusters":       {s.secret("service_instances_password"): 401},
	} {
		for password, want := range logins {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.apiURL()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth("broker", password)
			if a := s.do(req); a.status != want {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
	}
}
