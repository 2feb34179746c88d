package kubeapi

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// protected namespaces cannot be deleted.
func protectedNamespaces() []string {
	return []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease}
}

// bootstrap makes what every new cluster has: namespaces with their default
// service accounts, the roles that bindings refer to, and the rights that every
// request has.
func (c *cluster) bootstrap() error {
	return c.change(func(t *transaction) error {
		for _, name := range protectedNamespaces() {
			t.createNamespace(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
		t.create(services, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{
				Name: "kubernetes", Namespace: metav1.NamespaceDefault,
				Labels: map[string]string{"component": "apiserver", "provider": "kubernetes"},
			},
			Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.100.200.1", ClusterIPs: []string{"10.100.200.1"},
				IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}, SessionAffinity: corev1.ServiceAffinityNone,
				Ports: []corev1.ServicePort{{Name: "https", Protocol: corev1.ProtocolTCP, Port: 443, TargetPort: intstr.FromInt32(Port)}},
			},
		})
		rw := []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
		ro := []string{"get", "list", "watch"}
		core := []string{secrets, configMaps, serviceAccounts, services, pods}
		for name, rules := range map[string][]rbacv1.PolicyRule{
			"cluster-admin": {
				{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}},
				{NonResourceURLs: []string{"*"}, Verbs: []string{"*"}},
			},
			"admin": {
				{APIGroups: []string{""}, Resources: append([]string{serviceAccounts + "/token"}, core...), Verbs: rw},
				{APIGroups: []string{rbacv1.GroupName}, Resources: []string{roles, roleBindings}, Verbs: rw},
				{APIGroups: []string{""}, Resources: []string{namespaces}, Verbs: ro},
			},
			"edit": {
				{APIGroups: []string{""}, Resources: append([]string{serviceAccounts + "/token"}, core...), Verbs: rw},
				{APIGroups: []string{""}, Resources: []string{namespaces}, Verbs: ro},
			},
			"view": {{APIGroups: []string{""}, Resources: []string{configMaps, serviceAccounts, services, pods, namespaces}, Verbs: ro}},
			"system:node": {
				{APIGroups: []string{""}, Resources: []string{nodes, pods, services, secrets, configMaps}, Verbs: ro},
			},
			"system:node-proxier":            {{APIGroups: []string{""}, Resources: []string{nodes, services}, Verbs: ro}},
			"system:kube-controller-manager": {{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: ro}},
			"system:kube-scheduler":          {{APIGroups: []string{""}, Resources: []string{nodes, pods}, Verbs: ro}},
			"system:basic-user": {
				{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"selfsubjectaccessreviews", "selfsubjectrulesreviews"}, Verbs: []string{"create"}},
				{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"selfsubjectreviews"}, Verbs: []string{"create"}},
			},
			"system:discovery": {{
				NonResourceURLs: []string{"/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/readyz", "/version", "/version/", "/openapi", "/openapi/*"},
				Verbs:           []string{"get"},
			}},
			"system:public-info-viewer": {{NonResourceURLs: []string{"/healthz", "/livez", "/readyz", "/version", "/version/"}, Verbs: []string{"get"}}},
		} {
			t.create(clusterRoles, &rbacv1.ClusterRole{ObjectMeta: bootstrapMeta(name), Rules: rules})
		}
		group := func(name string) rbacv1.Subject {
			return rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: name}
		}
		account := func(name string) rbacv1.Subject {
			return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
		}
		for role, subjects := range map[string][]rbacv1.Subject{
			"cluster-admin":                  {group(groupMasters)},
			"system:basic-user":              {group(groupAuthenticated)},
			"system:discovery":               {group(groupAuthenticated)},
			"system:public-info-viewer":      {group(groupAuthenticated), group(groupUnauthenticated)},
			"system:node":                    {account("kubelet")},
			"system:node-proxier":            {account("kube-proxy")},
			"system:kube-controller-manager": {account("system:kube-controller-manager")},
			"system:kube-scheduler":          {account("system:kube-scheduler")},
		} {
			t.create(clusterRoleBindings, &rbacv1.ClusterRoleBinding{
				ObjectMeta: bootstrapMeta(role), Subjects: subjects,
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			})
		}
		return nil
	})
}

func bootstrapMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:        name,
		Labels:      map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"},
		Annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"},
	}
}

// create stores a new object as the server does: with uid and time.
func (t *transaction) create(resource string, o object) {
	o.SetUID(newUID())
	o.SetCreationTimestamp(metav1.NewTime(t.c.now().Truncate(1e9)))
	o.SetGeneration(0)
	t.put(resource, o)
}

// createNamespace makes the namespace and its default service account.
func (t *transaction) createNamespace(n *corev1.Namespace) {
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[corev1.LabelMetadataName] = n.Name
	n.Spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
	n.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
	t.create(namespaces, n)
	t.create(serviceAccounts, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: n.Name}})
}
