package kubeapi_test

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pks-community/pks-release/src/local/machine"
)

// kubectl is the real command line, set up as the cluster's administrator; it
// returns all that the command printed.
func (f *fixture) kubectl(t *testing.T) func(stdin string, args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is not installed")
	}
	config := clientcmdapi.NewConfig()
	rest := f.config(adminToken)
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: rest.Host, CertificateAuthorityData: f.ca, TLSServerName: "master.cfcr.internal"}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: adminToken}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return func(stdin string, args ...string) (string, error) {
		var out bytes.Buffer
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+file, "HOME="+dir)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
		err := cmd.Run()
		return out.String(), err
	}
}

// startWorker makes a node.
func (f *fixture) startWorker(t *testing.T, id, address string) {
	t.Helper()
	if err := f.Start(t.Context(), machine.Spec{
		Deployment: deployment, Group: "worker", ID: id, AZ: "z1", IPs: []netip.Addr{netip.MustParseAddr(address)}, Jobs: []machine.Job{{Name: machine.KubeletJob}},
	}); err != nil {
		t.Fatal(err)
	}
}

func TestKubectl(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.kubectl(t)
	f.startWorker(t, "w0", "10.0.0.10")
	for _, tc := range []struct {
		args string
		want []string
	}{
		{"describe node 10.0.0.10", []string{"bosh.id=w0", "Non-terminated Pods:          (0 in total)"}},
		{"wait --for=condition=Ready node --all --timeout=5s", []string{"condition met"}},
		{"drain 10.0.0.10", []string{"10.0.0.10 drained"}},
		{"get nodes -o wide", []string{"SchedulingDisabled", "INTERNAL-IP", "CONTAINER-RUNTIME"}},
		{"uncordon 10.0.0.10", []string{"uncordoned"}},
		{"describe ns default", []string{"Active", "No resource quota."}},
		{"get all", []string{"service/kubernetes"}},
		{"get deployments,events", []string{"No resources found"}},
		{"explain configmap.data", []string{"map[string]string", "UTF-8"}},
		{"auth can-i --list", []string{"*.*"}},
		{"create secret generic one --from-literal=a=b", []string{"created"}},
		{"describe secret one", []string{"Opaque", "a:  1 bytes"}},
		{"delete secret --all", []string{`secret "one" deleted`}},
		{"get nodes", []string{"NAME", "STATUS", "VERSION", "10.0.0.10", "Ready", "v1.34.2"}},
		{"get ns", []string{"kube-system", "Active"}},
		{"create sa dev", []string{"serviceaccount/dev created"}},
		{"get sa", []string{"default", "dev"}},
		{"label sa dev a=b", []string{"labeled"}},
		{"get sa dev -o jsonpath={.metadata.labels.a}", []string{"b"}},
		{"create token dev", []string{"ey"}},
		{"create clusterrolebinding dev --clusterrole=view --serviceaccount=default:dev", []string{"created"}},
		{"auth whoami", []string{"admin", "system:masters"}},
		{"auth can-i list secrets --as-group=x", nil},
		{"create configmap m --from-literal=a=b", []string{"created"}},
		{"get cm m -o yaml", []string{"a: b"}},
		{"get pods", []string{"No resources found"}},
		{"version", []string{"v1.34.2"}},
		{"delete sa dev", []string{"deleted"}},
		{"create ns team", []string{"created"}},
		{"get sa -n team", []string{"default"}},
		{"delete ns team", []string{"deleted"}},
	} {
		out, err := run("", strings.Fields(tc.args)...)
		if tc.want == nil {
			continue
		}
		if err != nil {
			t.Errorf("kubectl %s: %v: %s", tc.args, err, out)
		}
		for _, want := range tc.want {
			if !strings.Contains(out, want) {
				t.Errorf("kubectl %s: no %q in %s", tc.args, want, out)
			}
		}
	}
	for _, tc := range []struct{ args, want string }{
		{"get widgets", "doesn't have a resource type"},
		{"create sa Bad_Name", "invalid"},
		{"run web --image=nginx", "simulated and run nothing"},
		{"create deployment web --image=nginx", "simulated and run nothing"},
	} {
		if out, err := run("", strings.Fields(tc.args)...); err == nil || !strings.Contains(strings.ToLower(out), tc.want) {
			t.Errorf("kubectl %s: %v, %s", tc.args, err, out)
		}
	}
}

// TestKubectlAppliesFiles: both ways of it, with validation on, as is the default.
func TestKubectlAppliesFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.kubectl(t)
	file := func(value string) string {
		return `---
{apiVersion: v1, kind: Namespace, metadata: {name: app}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: cfg, namespace: app}, data: {a: ` + value + `}}
---
{apiVersion: v1, kind: Secret, metadata: {name: sec, namespace: app}, stringData: {pw: x}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: bot, namespace: app}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: bot, namespace: app}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: bot, namespace: app}]
`
	}
	const misspelt = "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: other}, datta: {a: b}}"
	const pod = "---\n{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: nginx}]}}"
	for _, tc := range []struct {
		stdin, args, want string
		fails             bool
	}{
		{file("one"), "apply -f -", "rolebinding.rbac.authorization.k8s.io/bot created", false},
		{file("two"), "apply -f -", "configmap/cfg configured", false},
		{file("two"), "apply -f -", "configmap/cfg unchanged", false},
		{"", "get cm cfg -n app -o jsonpath={.data.a}", "two", false},
		{file("three"), "diff -f -", "+  a: three", true}, // there is a difference
		{file("three"), "apply --server-side -f -", "configmap/cfg serverside-applied", false},
		{file("four"), "apply --server-side --field-manager=other -f -", "conflict with \"kubectl\"", true},
		{"", "get cm cfg -n app -o jsonpath={.data.a}", "three", false},
		{misspelt, "apply -f -", `unknown field "datta"`, true},
		{misspelt, "apply --server-side -f -", `unknown field "datta"`, true},
		{pod, "apply -f -", "simulated and run nothing", true},
		{file("four"), "replace -f -", "configmap/cfg replaced", false},
		{file("four"), "delete --ignore-not-found -f -", `namespace "app" deleted`, false},
	} {
		out, err := run(tc.stdin, strings.Fields(tc.args)...)
		if (err != nil) != tc.fails || !strings.Contains(out, tc.want) {
			t.Errorf("kubectl %s: %v, no %q in %s", tc.args, err, tc.want, out)
		}
	}
}
