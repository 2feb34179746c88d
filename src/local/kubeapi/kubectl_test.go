package kubeapi_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"net/netip"

	"github.com/pks-community/pks-release/src/local/kubeapi"
)

// TestKubectl drives the stand-in with the real command line.
func TestKubectl(t *testing.T) {
	t.Parallel()
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is not installed")
	}
	f := newFixture(t)
	if err := f.SetNodes(deployment, []kubeapi.Node{{ID: "w0", IP: netip.MustParseAddr("10.0.0.10"), Schedulable: true}}); err != nil {
		t.Fatal(err)
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
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := exec.CommandContext(t.Context(), kubectl, args...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+file, "HOME="+dir)
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	for _, tc := range []struct {
		args string
		want []string
	}{
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
		out, err := run(strings.Fields(tc.args)...)
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
	if out, err := run("get", "widgets"); err == nil || !strings.Contains(out, "doesn't have a resource type") {
		t.Errorf("unknown resource: %s", out)
	}
	if out, err := run("create", "sa", "Bad_Name"); err == nil || !strings.Contains(out, "Invalid") && !strings.Contains(out, "invalid") {
		t.Errorf("bad name: %s", out)
	}
}
