package jobs

import (
	"fmt"
	"time"

	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pks-community/pks-release/src/local/machine"
)

// roles is reference/cluster-manifest.md §5.5. The pod security policy for the system's own pods is left
// out where Kubernetes has none any more.
func roles(t *template) {
	ca := t.configFile("ca.pem", t.text("tls.kubernetes.ca"))
	admin := t.text("admin-username")
	t.link("kube-apiserver")
	objects := []any{
		binding("pks:admin", "cluster-admin", admin),
		binding("pks:kubelet", "system:node", "kubelet"),
		binding("pks:kube-proxy", "system:node-proxier", "kube-proxy"),
		drainRole(),
		binding("pks:kubelet-drain", "pks:kubelet-drain", "kubelet-drain"),
	}
	if t.Simulated {
		objects = append(objects, playRole(), binding("pks:kubelet-played", "pks:kubelet-played", "kubelet"))
	}
	t.document("roles.yml", map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	for i, spec := range t.entries("post-start-custom-specs") {
		name, _ := scalar(spec["name"])
		text, ok := scalar(spec["value"])
		if !ok || name == "" {
			t.fail("property post-start-custom-specs: element %d needs a name and a value that is YAML text", i)
		}
		t.secretFile(fmt.Sprintf("custom-%03d.yml", i), text)
	}
	t.builtInProvider()
	t.hook(machine.PostStart, "kubernetes-roles-post-start.sh", 2*time.Minute, map[string]string{
		"KUBECONFIG": t.kubeconfig("kubeconfig", admin, t.text("admin-password"), ca),
	})
}

// binding gives a static user a role of the whole cluster.
func binding(name, role, user string) rbac.ClusterRoleBinding {
	return rbac.ClusterRoleBinding{
		TypeMeta:   meta.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding"},
		ObjectMeta: meta.ObjectMeta{Name: name},
		RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.UserKind, Name: user}},
	}
}

// drainRole is what emptying a node needs, and deleting it afterwards.
func drainRole() rbac.ClusterRole {
	return role("pks:kubelet-drain",
		rule("", []string{"nodes"}, "get", "list", "patch", "update", "delete"),
		rule("", []string{"pods"}, "get", "list", "delete"),
		rule("", []string{"pods/eviction"}, "create"),
		rule("", []string{"replicationcontrollers"}, "get", "list"),
		rule("apps", []string{"daemonsets", "replicasets", "statefulsets"}, "get", "list"),
		rule("batch", []string{"jobs"}, "get", "list"),
	)
}

// playRole is what kwok and the hook before it do in the kubelet's name and a kubelet does not.
func playRole() rbac.ClusterRole {
	return role("pks:kubelet-played", rule("", []string{"nodes/status"}, "get"), rule("", []string{"pods"}, "patch", "update"),
		rule("coordination.k8s.io", []string{"leases"}, "list", "watch"))
}

func role(name string, rules ...rbac.PolicyRule) rbac.ClusterRole {
	return rbac.ClusterRole{
		TypeMeta:   meta.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"},
		ObjectMeta: meta.ObjectMeta{Name: name}, Rules: rules,
	}
}

func rule(group string, resources []string, verbs ...string) rbac.PolicyRule {
	return rbac.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}
