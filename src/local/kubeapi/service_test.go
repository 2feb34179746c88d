package kubeapi_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/pks-community/pks-release/src/local/machine"
)

func account(name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func tokenSecret(name, account string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{corev1.ServiceAccountNameKey: account}},
		Type:       corev1.SecretTypeServiceAccountToken,
	}
}

func clusterAdmin(name, account string) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: account, Namespace: "default"}},
	}
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func makeToken(t *testing.T, c *kubernetes.Clientset, name string) string {
	t.Helper()
	must[*corev1.ServiceAccount](t)(c.CoreV1().ServiceAccounts("default").Create(t.Context(), account(name), metav1.CreateOptions{}))
	made := must[*corev1.Secret](t)(c.CoreV1().Secrets("default").Create(t.Context(), tokenSecret(name+"-token", name), metav1.CreateOptions{}))
	if len(made.Data) != 0 {
		t.Fatal("a real server fills the token in later, not in the answer")
	}
	filled := must[*corev1.Secret](t)(c.CoreV1().Secrets("default").Get(t.Context(), name+"-token", metav1.GetOptions{}))
	return string(filled.Data["token"])
}

func TestServiceAccountHasRightsOnlyOnceBound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.client(adminToken)
	dev := f.client(makeToken(t, admin, "dev"))

	if _, err := dev.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Fatalf("without a binding: %v", err)
	}
	must[*rbacv1.ClusterRoleBinding](t)(admin.RbacV1().ClusterRoleBindings().Create(t.Context(), clusterAdmin("dev-admin", "dev"), metav1.CreateOptions{}))
	list := must[*corev1.NamespaceList](t)(dev.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}))
	var names []string
	for _, n := range list.Items {
		names = append(names, n.Name)
	}
	if diff := cmp.Diff([]string{"default", "kube-node-lease", "kube-public", "kube-system"}, names); diff != "" {
		t.Error(diff)
	}
	review := must[*authenticationv1.SelfSubjectReview](t)(dev.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{}))
	if got, want := review.Status.UserInfo.Username, "system:serviceaccount:default:dev"; got != want {
		t.Errorf("user %q, want %q", got, want)
	}
}

func TestTokenEndsWithItsSecretAndItsAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.client(adminToken)
	one, two := makeToken(t, admin, "one"), makeToken(t, admin, "two")

	if err := admin.CoreV1().Secrets("default").Delete(t.Context(), "one-token", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := admin.CoreV1().ServiceAccounts("default").Delete(t.Context(), "two", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"secret gone": one, "account gone": two, "made up": "eyJhbGciOiJub25lIn0.e30."} {
		if _, err := f.client(token).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := admin.CoreV1().Secrets("default").Get(t.Context(), "two-token", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the token of a deleted account: %v", err)
	}
}

func TestBoundTokenEndsByItself(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.client(adminToken)
	must[*corev1.ServiceAccount](t)(admin.CoreV1().ServiceAccounts("default").Create(t.Context(), account("dev"), metav1.CreateOptions{}))
	seconds := int64(600)
	answer := must[*authenticationv1.TokenRequest](t)(admin.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "dev",
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{}))
	dev := f.client(answer.Status.Token)
	if _, err := dev.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Fatalf("while it lasts: %v", err)
	}
	f.advance(11 * time.Minute)
	if _, err := dev.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		t.Fatalf("afterwards: %v", err)
	}
	seconds = 60
	_, err := admin.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "dev",
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) {
		t.Errorf("too short: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.client(adminToken)
	ctx := t.Context()
	sa, crb := admin.CoreV1().ServiceAccounts("default"), admin.RbacV1().ClusterRoleBindings()
	must[*corev1.ServiceAccount](t)(sa.Create(ctx, account("dev"), metav1.CreateOptions{}))
	created := must[*rbacv1.ClusterRoleBinding](t)(crb.Create(ctx, clusterAdmin("b", "dev"), metav1.CreateOptions{}))

	noKind := clusterAdmin("c", "dev")
	noKind.RoleRef.Kind = "Roll"
	noNamespace := clusterAdmin("c", "dev")
	noNamespace.Subjects[0].Namespace = ""
	otherRole := created.DeepCopy()
	otherRole.RoleRef.Name = "view"
	stale := created.DeepCopy()
	stale.ResourceVersion = "1"

	for name, tc := range map[string]struct {
		err error
		is  func(error) bool
	}{
		"exists":             {second(sa.Create(ctx, account("dev"), metav1.CreateOptions{})), apierrors.IsAlreadyExists},
		"bad name":           {second(sa.Create(ctx, account("Not_A_Name"), metav1.CreateOptions{})), apierrors.IsInvalid},
		"no name":            {second(sa.Create(ctx, account(""), metav1.CreateOptions{})), apierrors.IsInvalid},
		"no namespace":       {second(admin.CoreV1().ServiceAccounts("nowhere").Create(ctx, account("dev"), metav1.CreateOptions{})), apierrors.IsNotFound},
		"no such object":     {second(sa.Get(ctx, "nobody", metav1.GetOptions{})), apierrors.IsNotFound},
		"no such resource":   {second(admin.NetworkingV1().NetworkPolicies("default").List(ctx, metav1.ListOptions{})), apierrors.IsNotFound},
		"role kind":          {second(crb.Create(ctx, noKind, metav1.CreateOptions{})), apierrors.IsInvalid},
		"subject":            {second(crb.Create(ctx, noNamespace, metav1.CreateOptions{})), apierrors.IsInvalid},
		"other role":         {second(crb.Update(ctx, otherRole, metav1.UpdateOptions{})), apierrors.IsInvalid},
		"stale":              {second(crb.Update(ctx, stale, metav1.UpdateOptions{})), apierrors.IsConflict},
		"token of nobody":    {second(admin.CoreV1().Secrets("default").Create(ctx, tokenSecret("x", ""), metav1.CreateOptions{})), apierrors.IsInvalid},
		"default namespace":  {admin.CoreV1().Namespaces().Delete(ctx, "default", metav1.DeleteOptions{}), apierrors.IsForbidden},
		"pods run nowhere":   {second(admin.CoreV1().Pods("default").Create(ctx, &corev1.Pod{}, metav1.CreateOptions{})), apierrors.IsMethodNotSupported},
		"bad selector":       {second(sa.List(ctx, metav1.ListOptions{LabelSelector: "a in"})), apierrors.IsBadRequest},
		"wrong password":     {second(f.client("nope").CoreV1().Nodes().List(ctx, metav1.ListOptions{})), apierrors.IsUnauthorized},
		"anonymous":          {second(f.client("").CoreV1().Nodes().List(ctx, metav1.ListOptions{})), apierrors.IsForbidden},
		"kubelet on secrets": {second(f.client("k1").CoreV1().ServiceAccounts("default").Create(ctx, account("y"), metav1.CreateOptions{})), apierrors.IsForbidden},
	} {
		if !tc.is(tc.err) {
			t.Errorf("%s: %v", name, tc.err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestRightsCannotBeGivenAwayByThoseWithoutThem(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.client(adminToken)
	dev := f.client(makeToken(t, admin, "dev"))
	binder := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "binder"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterrolebindings"}, Verbs: []string{"create"}}},
	}
	must[*rbacv1.ClusterRole](t)(admin.RbacV1().ClusterRoles().Create(t.Context(), binder, metav1.CreateOptions{}))
	b := clusterAdmin("dev-binder", "dev")
	b.RoleRef.Name = "binder"
	must[*rbacv1.ClusterRoleBinding](t)(admin.RbacV1().ClusterRoleBindings().Create(t.Context(), b, metav1.CreateOptions{}))
	if _, err := dev.RbacV1().ClusterRoleBindings().Create(t.Context(), clusterAdmin("up", "dev"), metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Fatalf("escalation: %v", err)
	}
}

func TestHealthIsOpenAndVersionIsTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	anonymous := f.client("")
	for _, path := range []string{"/healthz", "/readyz", "/livez"} {
		if raw := must[[]byte](t)(anonymous.RESTClient().Get().AbsPath(path).DoRaw(t.Context())); string(raw) != "ok" {
			t.Errorf("%s: %q", path, raw)
		}
	}
	info, err := anonymous.Discovery().ServerVersion()
	if err != nil || info.GitVersion != "v"+version || info.Minor != "34" {
		t.Errorf("version %+v, %v", info, err)
	}
	if _, resources, err := f.client(adminToken).Discovery().ServerGroupsAndResources(); err != nil || len(resources) != 6 {
		t.Errorf("%d groups, %v", len(resources), err)
	}
}

func TestObjectsAreSharedByMastersAndSurviveARestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	token := makeToken(t, f.client(adminToken), "dev")

	other := f.spec
	other.ID, other.IPs = "m1", []netip.Addr{netip.MustParseAddr("10.0.0.2")}
	if err := f.Start(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	first := f.spec
	f.spec = other
	if _, err := f.client(adminToken).CoreV1().ServiceAccounts("default").Get(t.Context(), "dev", metav1.GetOptions{}); err != nil {
		t.Errorf("through the other master: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.spec = first
	f.open()
	if err := f.Start(t.Context(), f.spec); err != nil {
		t.Fatal(err)
	}
	if _, err := f.client(token).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("the token after a restart: %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(f.options.Dir, "*"))
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := f.DeleteDeployment(deployment); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(f.options.Dir, "*")); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
	if err := f.DeleteDeployment(deployment); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestStartedKubeletsAreNodes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	worker := func(id, ip string) machine.Spec {
		return machine.Spec{Deployment: deployment, Group: "worker", ID: id, AZ: "z1", IPs: []netip.Addr{netip.MustParseAddr(ip)}, Jobs: []machine.Job{
			{Name: "kubelet", Properties: map[string]any{"k8s-args": map[string]any{"node-labels": "pks-system/cluster.name=demo,a=b"}}},
		}}
	}
	for _, w := range []machine.Spec{worker("w0", "10.0.0.10"), worker("w1", "10.0.0.11"), worker("w1", "10.0.0.12")} {
		if err := f.Start(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	names := func() []string {
		var out []string
		for _, n := range must[*corev1.NodeList](t)(f.client(adminToken).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "pks-system/cluster.name=demo"})).Items {
			out = append(out, n.Name+" "+n.Labels["bosh.id"]+" "+n.Status.NodeInfo.KubeletVersion)
		}
		return out
	}
	if diff := cmp.Diff([]string{"10.0.0.10 w0 v1.34.2", "10.0.0.12 w1 v1.34.2"}, names()); diff != "" {
		t.Error(diff)
	}
	if err := f.Stop(t.Context(), deployment, "w0"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"10.0.0.12 w1 v1.34.2"}, names()); diff != "" {
		t.Error(diff)
	}
}

func TestChangeThatCannotBeStoredDidNotHappen(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.client(adminToken)
	if err := os.RemoveAll(f.options.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CoreV1().ServiceAccounts("default").Create(t.Context(), account("dev"), metav1.CreateOptions{}); !apierrors.IsInternalError(err) {
		t.Fatalf("create: %v", err)
	}
	if _, err := admin.CoreV1().ServiceAccounts("default").Get(t.Context(), "dev", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("get: %v", err)
	}
}

func TestDryRunLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.client(adminToken).CoreV1().ServiceAccounts("default")
	must[*corev1.ServiceAccount](t)(admin.Create(t.Context(), account("dev"), metav1.CreateOptions{DryRun: []string{"All"}}))
	if _, err := admin.Get(t.Context(), "dev", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Error(err)
	}
}

func TestPatches(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.client(adminToken).CoreV1().ServiceAccounts("default")
	must[*corev1.ServiceAccount](t)(admin.Create(t.Context(), account("dev"), metav1.CreateOptions{}))
	for patchType, patch := range map[types.PatchType]string{
		types.StrategicMergePatchType: `{"metadata":{"labels":{"strategic":"1"}}}`,
		types.MergePatchType:          `{"metadata":{"labels":{"merge":"1"}}}`,
		types.JSONPatchType:           `[{"op":"add","path":"/metadata/annotations","value":{"json":"1"}}]`,
	} {
		must[*corev1.ServiceAccount](t)(admin.Patch(t.Context(), "dev", patchType, []byte(patch), metav1.PatchOptions{}))
	}
	got := must[*corev1.ServiceAccount](t)(admin.Get(t.Context(), "dev", metav1.GetOptions{}))
	if diff := cmp.Diff(map[string]string{"strategic": "1", "merge": "1"}, got.Labels); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"json": "1"}, got.Annotations); diff != "" {
		t.Error(diff)
	}
}

func TestMasterWithoutItsCredentialsDoesNotStart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, property := range []string{"admin-password", "service-account-public-key", "tls"} {
		broken := f.spec
		props := map[string]any{}
		for k, v := range f.spec.Jobs[0].Properties {
			if k != property {
				props[k] = v
			}
		}
		broken.Jobs = []machine.Job{{Name: "kube-apiserver", Properties: props}}
		if err := f.Start(t.Context(), broken); err == nil {
			t.Errorf("started without %s", property)
		}
	}
	nowhere := f.spec
	nowhere.IPs = nil
	if err := f.Start(t.Context(), nowhere); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("without an address: %v", err)
	}
}
