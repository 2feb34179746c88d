package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	smallNodes     = `{"cluster_customization":{"node_pools":[{"name":"tiny","instances":2},{"name":"big","instances":1,"max_worker_instances":2}]}}`
	portsOnly      = `{"customizations":[{"component":"kube-apiserver","arguments":{"service-node-port-range":"30000-40000"}}]}`
	profileRequest = `{"name":"new","description":"d","parameters":%s}`
)

// offered is a world with one profile of each kind and a quota of cody's.
func offered(t testing.TB) *world {
	w := newWorld(t).
		offering(pks.NetworkProfiles, "np", alana, `{"lb_size":"small"}`).
		offering(pks.ComputeProfiles, "cp", alana, smallNodes).
		offering(pks.KubernetesProfiles, "kp", cody, portsOnly)
	w.quotas["cody"] = pks.Quota{Owner: "cody", Limit: pks.Limit{CPU: new(4), MemoryGB: new(5.0), Clusters: new(10)}}
	return w
}

func TestProfilesAreReadAsClientsKnowThem(t *testing.T) {
	t.Parallel()
	w := offered(t).offering(pks.KubernetesProfiles, "naomis", naomi, portsOnly)
	for path, want := range map[string]string{
		"/v1/network-profiles/np": `{"name":"np","uuid":"10000000-0000-4000-8000-000000000001","description":"about np","parameters":{"lb_size":"small"}}`,
		"/v1/network-profiles":    `[{"name":"np","uuid":"10000000-0000-4000-8000-000000000001","description":"about np","parameters":{"lb_size":"small"}}]`,
		"/v1/compute-profiles/cp": `{"name":"cp","uuid":"10000000-0000-4000-8000-000000000002","description":"about cp","parameters":` + smallNodes + `}`,
		"/v1/kubernetes-profiles": `[{"name":"kp","uuid":"10000000-0000-4000-8000-000000000003","owner":"cody","description":"about kp","created_at":1584000000,` +
			portsOnly[1:len(portsOnly)-1] + `,"experimental_customizations":[]}]`,
	} {
		got := w.send(request{method: "GET", path: path, token: "cody"})
		if diff := cmp.Diff(want, got.body); diff != "" || got.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.status, diff)
		}
	}
	var all []struct{ Name string }
	w.send(request{method: "GET", path: "/v1/kubernetes-profiles", token: "admin"}).decode(t, &all)
	if diff := cmp.Diff([]struct{ Name string }{{"kp"}, {"naomis"}}, all); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{"/v1/network-profiles/none", "/v1/compute-profiles/np", "/v1/kubernetes-profiles/np"} {
		if got := w.send(request{method: "GET", path: path, token: "admin"}); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

func TestProfilesAreMade(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ path, body, want string }{
		"an object": {"/v1/network-profiles", `{"name":"lb/ü","parameters":{"lb_size":"large","nodes_dns":["8.8.8.8"]},"extra":1}`,
			`{"name":"lb/ü","uuid":"10000000-0000-4000-8000-000000000001","description":"","parameters":{"lb_size":"large","nodes_dns":["8.8.8.8"]}}`},
		"a string that holds one": {"/v1/network-profiles", `{"name":"lb","description":null,"parameters":"{\"lb_size\":\"large\"}"}`,
			`{"name":"lb","uuid":"10000000-0000-4000-8000-000000000001","description":"","parameters":{"lb_size":"large"}}`},
		"node pools": {"/v1/compute-profiles", fmt.Sprintf(profileRequest, smallNodes),
			`{"name":"new","uuid":"10000000-0000-4000-8000-000000000001","description":"d","parameters":` + smallNodes + `}`},
		"arguments": {"/v1/kubernetes-profiles", `{"name":"new","experimental_customizations":null,` + portsOnly[1:],
			`{"name":"new","uuid":"10000000-0000-4000-8000-000000000001","owner":"alana","description":"","created_at":1584000000,` + portsOnly[1:len(portsOnly)-1] + `,"experimental_customizations":[]}`},
	} {
		w := newWorld(t)
		got := w.send(request{method: "POST", path: test.path, token: "admin", body: test.body})
		var gotDocument, want any
		got.decode(t, &gotDocument)
		if err := json.Unmarshal([]byte(test.want), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, gotDocument); diff != "" || got.status != http.StatusCreated {
			t.Errorf("%s: %d %s", name, got.status, diff)
		}
		again := w.send(request{method: "POST", path: test.path, token: "admin", body: test.body})
		if again.status != http.StatusConflict {
			t.Errorf("%s again: %d %s", name, again.status, again.body)
		}
	}
}

func TestBadProfilesAreRefusedByPathAndNotStored(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"parameters":{"lb_size":"small"}}`:                     "name is missing. Use 1 to 200 visible characters, such as small-nodes.",
		`{"name":"x"}`:                                           "parameters is missing. Add it: an object with what is to differ from the plan.",
		`{"name":"x","parameters":null}`:                         "parameters is missing. Add it: an object with what is to differ from the plan.",
		`{"name":"x","parameters":[]}`:                           "parameters is an array; it must be an object.",
		`{"name":"x","parameters":"words"}`:                      "parameters is a string that does not hold a JSON object.",
		`{"name":"x","parameters":"{} {}"}`:                      "parameters is a string that does not hold a JSON object.",
		`{"name":"x","parameters":"{\"a\":1,\"a\":2}"}`:          "parameters is a string that does not hold a JSON object.",
		`{"name":7,"parameters":{}}`:                             "name is a number; it must be a string.",
		`{"name":"x","description":[],"parameters":{}}`:          "description is an array; it must be a string.",
		`{"name":"x","parameters":{"lb_size":"tiny"}}`:           `parameters.lb_size is "tiny". Choose one of: small, medium, large.`,
		`{"name":"x","parameters":{"nodes_dns":["1.1.1.1",7]}}`:  "parameters.nodes_dns[1] is a number; it must be a string.",
		`{"name":"x","parameters":{"t0_router_id":"a\u0000b"}}`:  "parameters.t0_router_id holds a character that is not valid Unicode, or NUL.",
		`{"name":"x","parameters":{"t0_router_id":"\ud800"}}`:    "parameters.t0_router_id holds a character that is not valid Unicode, or NUL.",
		`{"name":"x","parameters":{"t0_router_id":"((admin))"}}`: "parameters.t0_router_id holds a text in double parentheses. Remove the parentheses: BOSH takes them for the name of a secret.",
	} {
		w := newWorld(t)
		got := w.send(request{method: "POST", path: "/v1/network-profiles", token: "admin", body: body})
		text := problemBody(t, got)
		if got.status != http.StatusBadRequest || w.changes != 0 || len(text) < len(want) || text[:len(want)] != want {
			t.Errorf("%s: %d, %d changes:\n got %s\nwant %s", body, got.status, w.changes, text, want)
		}
	}
}

func TestProfileInUseIsNotDeleted(t *testing.T) {
	t.Parallel()
	w := offered(t).with("demo", cody, func(c *pks.Cluster) { c.Spec.NetworkProfile = &pks.Profile{Name: "np"} })
	got := w.send(request{method: "DELETE", path: "/v1/network-profiles/np", token: "admin"})
	if got.status != http.StatusConflict || len(w.profiles) != 3 {
		t.Errorf("%d %s", got.status, got.body)
	}
	delete(w.clusters, "demo")
	if got := w.send(request{method: "DELETE", path: "/v1/network-profiles/np", token: "admin"}); got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestClusterIsMadeWithProfiles(t *testing.T) {
	t.Parallel()
	w := offered(t)
	got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: `{"name":"demo","plan_name":"small","network_profile_name":"np","compute_profile_name":"cp","kubernetes_profile_name":"kp",
		"parameters":{"kubernetes_master_host":"demo.example.com","kubernetes_worker_instances":1,"node_pool_instances":{"tiny":3}}}`})
	if got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	want := pks.ClusterSpec{
		ClusterName: "demo", MasterHost: "demo.example.com", MasterPort: 8443, WorkerInstances: 4,
		NetworkProfile:    &pks.Profile{Name: "np", Parameters: json.RawMessage(`{"lb_size":"small"}`)},
		ComputeProfile:    &pks.Profile{Name: "cp", Parameters: json.RawMessage(smallNodes)},
		KubernetesProfile: &pks.Profile{Name: "kp", Parameters: json.RawMessage(portsOnly)},
		NodePoolInstances: map[string]int{"tiny": 3},
	}
	if diff := cmp.Diff(want, w.clusters["demo"].Spec); diff != "" {
		t.Error(diff)
	}
	var read struct {
		Network    string `json:"network_profile_name"`
		Compute    string `json:"compute_profile_name"`
		Kubernetes string `json:"kubernetes_profile_name"`
		Parameters struct {
			Workers int            `json:"kubernetes_worker_instances"`
			Network string         `json:"nsxt_network_profile"`
			Details string         `json:"nsxt_network_details"`
			Compute string         `json:"compute_profile"`
			Pools   map[string]int `json:"node_pool_instances"`
		}
	}
	w.send(request{method: "GET", path: "/v1/clusterdetails/demo", token: "cody"}).decode(t, &read)
	if read.Network != "np" || read.Compute != "cp" || read.Kubernetes != "kp" || read.Parameters.Workers != 4 ||
		read.Parameters.Network != `{"lb_size":"small"}` || read.Parameters.Details != `{"lb_size":"small"}` || read.Parameters.Compute != smallNodes || read.Parameters.Pools["tiny"] != 3 {
		t.Errorf("%+v", read)
	}
}

func TestForeignKubernetesProfileCannotBeUsed(t *testing.T) {
	t.Parallel()
	w := offered(t).with("hers", naomi)
	for _, r := range []request{
		{method: "POST", path: "/v1/clusters", body: `{"name":"new","plan_name":"small","kubernetes_profile_name":"kp","parameters":{"kubernetes_master_host":"a.b"}}`},
		{method: "PATCH", path: "/v1/clusters/hers", body: `{"kubernetes_profile_name":"kp"}`},
	} {
		r.token = "naomi"
		got := w.send(r)
		want := `kubernetes_profile_name: Kubernetes profile "kp" belongs to somebody else. Name one of your own: 'pks kubernetes-profiles'.`
		if diff := cmp.Diff(want, problemBody(t, got)); diff != "" || got.status != http.StatusForbidden || w.changes != 0 {
			t.Errorf("%d %s", got.status, diff)
		}
	}
}

func TestProfilesOfAClusterAreReplaced(t *testing.T) {
	t.Parallel()
	pooled := func(c *pks.Cluster) {
		c.Spec.ComputeProfile = &pks.Profile{Name: "cp", Parameters: json.RawMessage(smallNodes)}
		c.Spec.WorkerInstances = 3
	}
	for name, test := range map[string]struct {
		body   string
		status int
		text   string
		after  func(*pks.ClusterSpec)
	}{
		"network":    {`{"network_profile_name":"np"}`, 202, "", func(s *pks.ClusterSpec) { s.NetworkProfile = &pks.Profile{Name: "np"} }},
		"node pools": {`{"node_pool_instances":{"tiny":"4"}}`, 202, "", func(s *pks.ClusterSpec) { s.NodePoolInstances = map[string]int{"tiny": 4}; s.WorkerInstances = 5 }},
		"number as it was": {`{"kubernetes_worker_instances":3,"kubernetes_profile_name":"kp"}`, 202, "", func(s *pks.ClusterSpec) {
			s.KubernetesProfile = &pks.Profile{Name: "kp", Parameters: json.RawMessage(portsOnly)}
		}},
		"number beside a new": {`{"kubernetes_worker_instances":1,"compute_profile_name":"cp"}`, 202, "", func(*pks.ClusterSpec) {}},
		"one number":          {`{"kubernetes_worker_instances":4}`, 400, `kubernetes_worker_instances is 4, but the workers of cluster demo are in the node pools of compute profile cp. Send node_pool_instances: {"POOL": NUMBER}.`, nil},
		"unknown node pool":   {`{"node_pool_instances":{"none":1}}`, 400, `node_pool_instances names "none", which is no node pool of compute profile cp. The node pools are: tiny, big.`, nil},
		"node pool too large": {`{"node_pool_instances":{"big":3}}`, 400, "node_pool_instances.big is 3; the node pool can have 1 to 2. Correct the value and send the request again.", nil},
		"not a number":        {`{"node_pool_instances":{"big":"x"}}`, 400, `node_pool_instances.big is "x"; it must be a whole number. Correct the value and send the request again.`, nil},
		"none":                {`{"node_pool_instances":{}}`, 400, "At least one of update parameters have to be specified.", nil},
		"enforcing nothing":   {`{"enforce_compute_profile_update":true}`, 400, "At least one of update parameters have to be specified.", nil},
		"zones":               {`{"compute_profile_name":"zoned"}`, 400, "compute_profile_name: the availability zones of node pool tiny cannot change on a cluster that exists. Choose a profile with the same zones, or send enforce_compute_profile_update.", nil},
	} {
		w := offered(t).with("demo", cody, pooled).
			offering(pks.ComputeProfiles, "zoned", alana, `{"cluster_customization":{"node_pools":[{"name":"tiny","instances":2,"az_names":["z"]},{"name":"big","instances":1}]}}`)
		want := w.clusters["demo"].Spec.Clone()
		got := w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: test.body})
		if got.status != test.status || test.text != "" && problemBody(t, got) != test.text {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if test.after != nil {
			test.after(&want)
		}
		if diff := cmp.Diff(want, w.clusters["demo"].Spec); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestNetworkProfileThatThePlanCannotGiveIsRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	flannel := func(c *api.Config) {
		c.Plans = testPlans()
		c.Plans[0].CNI = pks.CNIFlannel
	}
	w := newWorld(t, flannel).with("demo", alana).
		offering(pks.NetworkProfiles, "balancers", alana, `{"lb_size":"large"}`).
		offering(pks.NetworkProfiles, "blocks", alana, `{"pod_ip_block_ids":["a"],"lb_size":null}`).
		offering(pks.NetworkProfiles, "ranges", alana, `{"pod_cidr":"10.220.0.0/16"}`)
	create := `{"name":"new","plan_name":"small","network_profile_name":%q,"parameters":{"kubernetes_master_host":"new.example.com"}}`
	for _, test := range []struct{ method, path, body, says string }{
		{"POST", "/v1/clusters", fmt.Sprintf(create, "balancers"), "network_profile_name: network profile balancers has lb_size, which is a setting of NSX-T, but the network of plan small is flannel. Choose a plan with NSX-T"},
		{"PATCH", "/v1/clusters/demo", `{"network_profile_name":"blocks"}`, "network_profile_name: network profile blocks has pod_ip_block_ids"},
	} {
		got := w.send(request{method: test.method, path: test.path, token: "admin", body: test.body})
		if text := problemBody(t, got); got.status != http.StatusBadRequest || !strings.HasPrefix(text, test.says) || w.changes != 0 {
			t.Errorf("%s %s: %d %s", test.method, test.path, got.status, text)
		}
	}
	if got := w.send(request{method: "POST", path: "/v1/clusters", token: "admin", body: fmt.Sprintf(create, "ranges")}); got.status != http.StatusAccepted {
		t.Errorf("a profile that fits: %d %s", got.status, got.body)
	}
}
