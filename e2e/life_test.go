package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The path of make demo, and what it prints.
func TestLifeOfACluster(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	s.login("client", "admin")

	if out := s.must(s.pks("plans")); !regexp.MustCompile(`(?m)^Name +ID +Description$`).MatchString(out) || !strings.Contains(out, "small") {
		t.Errorf("plans:\n%s", out)
	}

	created := s.pks("create-cluster", "demo", "-e", "demo.pks.local", "-p", "small", "--wait", "--non-interactive")
	s.must(created)
	for _, want := range []string{"Updating instance", "master/", "worker/"} {
		if !strings.Contains(created.stderr, want) {
			t.Errorf("%q is not in the progress:\n%s", want, created.stderr)
		}
	}
	shown := s.must(s.pks("cluster", "demo"))
	for _, want := range []string{
		"Name:                     demo\n",
		"Plan Name:                small\n",
		"Last Action:              CREATE\n",
		"Last Action State:        succeeded\n",
		"Last Action Description:  Instance provisioning completed\n",
		"Kubernetes Master Host:   demo.pks.local\n",
		"Kubernetes Master Port:   8443\n",
		"Worker Nodes:             2\n",
		"Kubernetes Master IP(s):  127.",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in:\n%s", want, shown)
		}
	}

	s.must(s.pks("get-credentials", "demo"))
	s.checkCredentials("client", "demo")

	s.must(s.pks("resize", "demo", "--num-nodes", "3", "--wait", "--non-interactive"))
	if out := s.must(s.pks("clusters")); !regexp.MustCompile(`(?m)demo .*succeeded +UPDATE$`).MatchString(out) {
		t.Errorf("clusters:\n%s", out)
	}
	if n := s.cluster("demo").Parameters.Workers; n != 3 {
		t.Errorf("%d workers after the resize", n)
	}

	s.must(s.pks("delete-cluster", "demo", "--wait", "--non-interactive"))
	s.refused(s.pks("cluster", "demo"), 3, "Error: ", "demo", "not found")
	if out := s.must(s.pks("clusters", "--json")); strings.TrimSpace(out) != "[]" {
		t.Errorf("after the deletion: %s", out)
	}
	// The name and the host name are free again.
	s.must(s.pks("create-cluster", "demo", "-e", "demo.pks.local", "-p", "small", "--wait", "--non-interactive"))
}

// clusterJSON is what the tests read of "pks cluster --json".
type clusterJSON struct {
	UUID       string   `json:"uuid"`
	State      string   `json:"last_action_state"`
	Action     string   `json:"last_action"`
	Why        string   `json:"last_action_description"`
	IPs        []string `json:"kubernetes_master_ips"`
	Parameters struct {
		Workers int `json:"kubernetes_worker_instances"`
	} `json:"parameters"`
}

func (s *stack) cluster(name string) clusterJSON {
	s.t.Helper()
	var c clusterJSON
	out := s.must(s.pks("cluster", name, "--json"))
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		s.fatalf("%v in %s", err, out)
	}
	return c
}

// checkCredentials talks to the cluster with the kubeconfig that was written. The
// external host name does not resolve here, so the master is called by address.
func (s *stack) checkCredentials(home, name string) {
	s.t.Helper()
	path := filepath.Join(s.dir, home, "kubeconfig")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		s.fatalf("kubeconfig: %v %v", info, err)
	}
	raw, err := clientcmd.LoadFromFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if raw.CurrentContext != name {
		s.errorf("current context is %q", raw.CurrentContext)
	}
	config, err := clientcmd.NewDefaultClientConfig(*raw, nil).ClientConfig()
	if err != nil {
		s.t.Fatal(err)
	}
	config.ServerName = "demo.pks.local"
	config.Host = fmt.Sprintf("https://%s:8443", s.cluster(name).IPs[0])
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		s.t.Fatal(err)
	}
	nodes, err := kube.CoreV1().Nodes().List(s.t.Context(), metav1.ListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(nodes.Items) != 2 {
		s.errorf("%d nodes, want 2", len(nodes.Items))
	}
}

// An operator has offered a new stemcell; users go on with what they have until an upgrade.
func TestAClusterThatIsBehindIsResizedAsItIs(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	s.login("client", "admin")
	s.must(s.pks("create-cluster", "demo", "-e", "demo.pks.local", "-p", "small", "--wait", "--non-interactive"))
	before := s.stemcell()
	s.must(s.local("bump", "--stemcell"))

	s.must(s.pks("resize", "demo", "--num-nodes", "4", "--wait", "--non-interactive"))
	if n := s.cluster("demo").Parameters.Workers; n != 4 {
		s.errorf("%d workers after the resize", n)
	}
	if now := s.stemcell(); now != before {
		s.errorf("the resize brought stemcell %s instead of %s", now, before)
	}
	s.must(s.pks("upgrade-cluster", "demo", "--force", "--wait", "--non-interactive"))
	if now := s.stemcell(); now == before {
		s.errorf("the upgrade left stemcell %s", now)
	}
}

// stemcell is that of the only deployment.
func (s *stack) stemcell() string {
	s.t.Helper()
	return s.must(s.bosh("deployments", "--column=stemcell_s", "--json"))
}
