package adapter_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const bindID = "019fc2e1-0000-4714-bd1e-3d29eb951d38"

// bound is one call of create-binding or delete-binding as the program gets it.
func bindingDocument(t *testing.T, command string, in serviceadapter.CreateBindingParams) string {
	t.Helper()
	text := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	manifest, err := yamlText(in.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	return text(object{strings.ReplaceAll(command, "-", "_"): object{
		"binding_id": in.BindingID, "bosh_vms": text(in.DeploymentTopology), "manifest": manifest,
		"request_parameters": text(in.RequestParams), "secrets": text(in.Secrets), "dns_addresses": "{}",
	}})
}

type kubeconfig struct {
	CurrentContext string `json:"current-context"`
	Contexts       []struct {
		Name    string
		Context struct{ Cluster, User string }
	}
	Clusters []struct {
		Name    string
		Cluster struct {
			CA     string `json:"certificate-authority-data"`
			Server string
		}
	}
	Users []struct {
		Name string
		User struct {
			Token        string
			AuthProvider *struct {
				Name   string
				Config map[string]string
			} `json:"auth-provider"`
		}
	}
}

func bind(t *testing.T, in serviceadapter.CreateBindingParams) kubeconfig {
	t.Helper()
	code, stdout, stderr := execute(t, bindingDocument(t, "create-binding", in), "create-binding")
	if code != 0 {
		t.Fatalf("exit code %d: %s\n%s", code, stdout, stderr)
	}
	var answer struct{ Credentials kubeconfig }
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Credentials
}

// clientOf talks to the first master as the kubeconfig says, but for the host
// name, which only exists outside.
func clientOf(t *testing.T, k kubeconfig, in serviceadapter.CreateBindingParams) *kubernetes.Clientset {
	t.Helper()
	ca, err := base64.StdEncoding.DecodeString(k.Clusters[0].Cluster.CA)
	if err != nil {
		t.Fatal(err)
	}
	c, err := kubernetes.NewForConfig(&rest.Config{
		Host: "https://" + in.DeploymentTopology["master"][0] + ":8443", BearerToken: k.Users[0].User.Token,
		TLSClientConfig: rest.TLSClientConfig{CAData: ca, ServerName: "demo.example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBindings(t *testing.T) {
	t.Parallel()
	onEveryAPIServer(t, smallest(), testBindings)
}

func testBindings(t *testing.T, d deployedCluster) {
	input := func(id string, parameters object) serviceadapter.CreateBindingParams {
		return d.input(t, id, parameters)
	}

	in := input(bindID, object{"user": "alana", "cluster_name": "demo"})
	k := bind(t, in)
	cluster, user := k.Clusters[0], k.Users[0]
	got := []string{k.CurrentContext, k.Contexts[0].Name, k.Contexts[0].Context.Cluster, k.Contexts[0].Context.User, cluster.Name, cluster.Cluster.Server, user.Name}
	want := []string{"demo", "demo", "demo", bindID, "demo", "https://demo.example.com:8443", bindID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kubeconfig (-want +got):\n%s", diff)
	}
	client := clientOf(t, k, in)
	eventually(t, 10*time.Second, func() error { // a cluster admin
		_, err := client.CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{})
		return err
	})
	if _, err := client.RbacV1().ClusterRoleBindings().Get(t.Context(), "pks:"+bindID+"-cluster-admin", metav1.GetOptions{}); err != nil {
		t.Errorf("the name that clients know: %v", err)
	}
	if d.simulated {
		nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "pks-system/cluster.name=demo,pks-system/cluster.uuid=" + d.deployment})
		if err != nil || len(nodes.Items) != 3 {
			t.Errorf("%d nodes, %v", len(nodes.Items), err)
		}
	}

	t.Run("the same again", func(t *testing.T) {
		code, stdout, _ := execute(t, bindingDocument(t, "create-binding", in), "create-binding")
		if code != 49 || stdout == "" {
			t.Errorf("exit code %d, stdout %q", code, stdout)
		}
		if _, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err != nil {
			t.Errorf("the first binding was harmed: %v", err)
		}
	})
	t.Run("a fresh credential each time", func(t *testing.T) {
		other := bind(t, input("another-one", nil))
		if other.Users[0].User.Token == user.User.Token {
			t.Error("the same token twice")
		}
	})
	t.Run("without rights", func(t *testing.T) {
		in := input("no-rights", object{"suppress_cluster_role_binding": true})
		_, err := clientOf(t, bind(t, in), in).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		if !apierrors.IsForbidden(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("only for people who log in", func(t *testing.T) {
		code, stdout, _ := execute(t, bindingDocument(t, "create-binding", input("people-only", object{"user": "alana", "login_only": true})), "create-binding")
		if code != 1 || !strings.Contains(stdout, "Users of UAA cannot log in to cluster demo.") {
			t.Errorf("exit code %d, %q", code, stdout)
		}
		admin := clientOf(t, kubeconfigOf(in), in)
		if _, err := admin.CoreV1().ServiceAccounts("default").Get(t.Context(), "people-only", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("the service account: %v", err)
		}
	})
	t.Run("withdrawn", func(t *testing.T) {
		document := bindingDocument(t, "delete-binding", in)
		if code, stdout, stderr := execute(t, document, "delete-binding"); code != 0 || stdout != "" {
			t.Fatalf("exit code %d: %s\n%s", code, stdout, stderr)
		}
		eventually(t, 30*time.Second, func() error {
			if _, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
				return fmt.Errorf("the token still opens: %w", err)
			}
			return nil
		})
		admin := clientOf(t, kubeconfigOf(in), in)
		if _, err := admin.RbacV1().ClusterRoleBindings().Get(t.Context(), "pks:"+bindID+"-cluster-admin", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("the cluster role binding: %v", err)
		}
		if _, err := admin.CoreV1().Secrets("default").Get(t.Context(), bindID+"-token", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("the token's secret: %v", err)
		}
		if code, _, _ := execute(t, document, "delete-binding"); code != 41 {
			t.Errorf("a second time: exit code %d", code)
		}
	})
	t.Run("a dead master first", func(t *testing.T) {
		in := input("past-the-dead", nil)
		in.DeploymentTopology["master"] = slices.Insert(in.DeploymentTopology["master"], 0, "127.0.0.254")
		if k := bind(t, in); k.Users[0].Name != "past-the-dead" {
			t.Error(k)
		}
	})

	for name, tc := range map[string]struct {
		change func(*serviceadapter.CreateBindingParams)
		want   string
	}{
		"no master answers": {func(in *serviceadapter.CreateBindingParams) {
			in.DeploymentTopology["master"] = []string{"127.0.0.254"}
		}, "No master of the cluster answers."},
		"no master":          {func(in *serviceadapter.CreateBindingParams) { delete(in.DeploymentTopology, "master") }, "no master with an address"},
		"secrets missing":    {func(in *serviceadapter.CreateBindingParams) { in.Secrets = nil }, "((kubo-admin-password)) is missing"},
		"ca missing":         {func(in *serviceadapter.CreateBindingParams) { delete(in.Secrets, "((tls-kubernetes.ca))") }, "((tls-kubernetes.ca)) is missing"},
		"wrong password":     {func(in *serviceadapter.CreateBindingParams) { in.Secrets["((kubo-admin-password))"] = "x" }, "does not accept its administrator's password"},
		"impossible id":      {func(in *serviceadapter.CreateBindingParams) { in.BindingID = "Not/A/Name" }, "binding_id"},
		"somebody's cluster": {func(in *serviceadapter.CreateBindingParams) { in.Manifest.Features.ExtraFeatures = nil }, "features.pks_cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			in := input("for-this-test", nil)
			tc.change(&in)
			code, stdout, stderr := execute(t, bindingDocument(t, "create-binding", in), "create-binding")
			if code != 1 || !strings.Contains(stdout, tc.want) || stderr == "" {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
	t.Run("structured secrets", func(t *testing.T) {
		in := input("structured", nil)
		ca, _ := json.Marshal(map[string]string{"ca": in.Secrets["((tls-kubernetes.ca))"]})
		delete(in.Secrets, "((tls-kubernetes.ca))")
		in.Secrets["((tls-kubernetes))"] = string(ca)
		bind(t, in)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		code, stdout := executeIn(ctx, bindingDocument(t, "create-binding", input("cancelled", nil)), "create-binding")
		if code != 1 || stdout == "" {
			t.Errorf("exit code %d, stdout %q", code, stdout)
		}
	})
}

func TestBindingsThatEnd(t *testing.T) {
	t.Parallel()
	onEveryAPIServer(t, golden()["newer-kubernetes"], testBindingsThatEnd)
}

func testBindingsThatEnd(t *testing.T, d deployedCluster) {
	in := d.input(t, bindID, nil)
	k := bind(t, in)
	eventually(t, 10*time.Second, func() error {
		_, err := clientOf(t, k, in).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		return err
	})
	token := k.Users[0].User.Token
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Iat, Exp int64 }
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Exp-claims.Iat != 8*3600 {
		t.Errorf("claims %s, %v", payload, err)
	}
}

func TestBindingsOfPeople(t *testing.T) {
	t.Parallel()
	onEveryAPIServer(t, golden()["oidc"], testBindingsOfPeople)
}

func testBindingsOfPeople(t *testing.T, d deployedCluster) {
	input := func(id, user string) serviceadapter.CreateBindingParams { return d.input(t, id, object{"user": user}) }
	for _, id := range []string{"first", "second"} { // of one user: the second finds the rights in place
		k := bind(t, input(id, "alana@example.com"))
		want := map[string]string{
			"client-id": "pks_cluster_client", "client-secret": "", "cluster_client_secret": "", "id-token": "", "refresh-token": "",
			"idp-issuer-url":                 "https://uaa.example.com:8443/oauth/token",
			"idp-certificate-authority-data": base64.StdEncoding.EncodeToString([]byte(customCertificate)),
		}
		if k.Users[0].Name != "alana@example.com" || k.Users[0].User.AuthProvider == nil {
			t.Fatalf("user %+v", k.Users[0])
		}
		if diff := cmp.Diff(want, k.Users[0].User.AuthProvider.Config); diff != "" {
			t.Error(diff)
		}
	}
	in := input("admin", "x")
	admin := clientOf(t, kubeconfigOf(in), in)
	b, err := admin.RbacV1().ClusterRoleBindings().Get(t.Context(), "pks:alana@example.com-cluster-admin", metav1.GetOptions{})
	if err != nil || b.Subjects[0].Name != "oidc:alana@example.com" {
		t.Errorf("binding %+v, %v", b, err)
	}
	for user, want := range map[string]string{"": "parameters.user is missing", "a/b": "parameters.user"} {
		if code, stdout, _ := execute(t, bindingDocument(t, "create-binding", input("bad", user)), "create-binding"); code != 1 || !strings.Contains(stdout, want) {
			t.Errorf("user %q: exit code %d, %q", user, code, stdout)
		}
	}
	if k := bind(t, d.input(t, "guest", object{"user": "guest", "login_only": true, "suppress_cluster_role_binding": true})); k.Users[0].User.AuthProvider == nil {
		t.Errorf("user %+v", k.Users[0])
	}
	if _, err := admin.RbacV1().ClusterRoleBindings().Get(t.Context(), "pks:guest-cluster-admin", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the guest has rights: %v", err)
	}
	if k := bind(t, d.input(t, "robot", object{"user": "ci-bot", "service_account": true})); k.Users[0].Name != "robot" || k.Users[0].User.Token == "" {
		t.Errorf("user %+v", k.Users[0])
	}
	if code, stdout, _ := execute(t, bindingDocument(t, "delete-binding", input("first", "")), "delete-binding"); code != 0 {
		t.Errorf("withdraw: exit code %d, %q", code, stdout)
	}
}

// kubeconfigOf is the cluster administrator's.
func kubeconfigOf(in serviceadapter.CreateBindingParams) kubeconfig {
	var k kubeconfig
	raw, _ := json.Marshal(object{
		"clusters": []object{{"cluster": object{"certificate-authority-data": base64.StdEncoding.EncodeToString([]byte(in.Secrets["((tls-kubernetes.ca))"]))}}},
		"users":    []object{{"user": object{"token": in.Secrets["((kubo-admin-password))"]}}},
	})
	_ = json.Unmarshal(raw, &k)
	return k
}
