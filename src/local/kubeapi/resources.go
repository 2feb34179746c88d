package kubeapi

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// object is any Kubernetes object.
type object interface {
	runtime.Object
	metav1.Object
}

// kind is one type of object that the server has.
type kind struct {
	schema.GroupVersion
	name       string // Secret
	resource   string // secrets
	singular   string
	short      []string
	namespaced bool
	// readOnly kinds are made by the server alone.
	readOnly bool
	make     func() object
	// validName is the rule for metadata.name.
	validName func(name string, prefix bool) []string
	// columns of kubectl's table, besides name and age.
	columns []column
}

var (
	coreV1 = schema.GroupVersion{Version: "v1"}
	rbacV1 = rbacv1.SchemeGroupVersion
)

// Resource names of the kinds that the code refers to.
const (
	namespaces          = "namespaces"
	nodes               = "nodes"
	pods                = "pods"
	services            = "services"
	secrets             = "secrets"
	configMaps          = "configmaps"
	serviceAccounts     = "serviceaccounts"
	roles               = "roles"
	roleBindings        = "rolebindings"
	clusterRoles        = "clusterroles"
	clusterRoleBindings = "clusterrolebindings"
)

func kinds() []kind {
	return []kind{
		{GroupVersion: coreV1, name: "Namespace", resource: namespaces, singular: "namespace", short: []string{"ns"},
			make: func() object { return &corev1.Namespace{} }, validName: dnsLabel, columns: namespaceColumns()},
		{GroupVersion: coreV1, name: "Node", resource: nodes, singular: "node", short: []string{"no"}, readOnly: true,
			make: func() object { return &corev1.Node{} }, validName: dnsSubdomain, columns: nodeColumns()},
		{GroupVersion: coreV1, name: "Pod", resource: pods, singular: "pod", short: []string{"po"}, namespaced: true, readOnly: true,
			make: func() object { return &corev1.Pod{} }, validName: dnsSubdomain},
		{GroupVersion: coreV1, name: "Service", resource: services, singular: "service", short: []string{"svc"}, namespaced: true, readOnly: true,
			make: func() object { return &corev1.Service{} }, validName: dnsLabel, columns: serviceColumns()},
		{GroupVersion: coreV1, name: "Secret", resource: secrets, singular: "secret", namespaced: true,
			make: func() object { return &corev1.Secret{} }, validName: dnsSubdomain, columns: secretColumns()},
		{GroupVersion: coreV1, name: "ConfigMap", resource: configMaps, singular: "configmap", short: []string{"cm"}, namespaced: true,
			make: func() object { return &corev1.ConfigMap{} }, validName: dnsSubdomain, columns: configMapColumns()},
		{GroupVersion: coreV1, name: "ServiceAccount", resource: serviceAccounts, singular: "serviceaccount", short: []string{"sa"}, namespaced: true,
			make: func() object { return &corev1.ServiceAccount{} }, validName: dnsSubdomain, columns: serviceAccountColumns()},
		{GroupVersion: rbacV1, name: "Role", resource: roles, singular: "role", namespaced: true,
			make: func() object { return &rbacv1.Role{} }, validName: pathSegment},
		{GroupVersion: rbacV1, name: "RoleBinding", resource: roleBindings, singular: "rolebinding", namespaced: true,
			make: func() object { return &rbacv1.RoleBinding{} }, validName: pathSegment, columns: roleColumns()},
		{GroupVersion: rbacV1, name: "ClusterRole", resource: clusterRoles, singular: "clusterrole",
			make: func() object { return &rbacv1.ClusterRole{} }, validName: pathSegment},
		{GroupVersion: rbacV1, name: "ClusterRoleBinding", resource: clusterRoleBindings, singular: "clusterrolebinding",
			make: func() object { return &rbacv1.ClusterRoleBinding{} }, validName: pathSegment, columns: roleColumns()},
	}
}

func (k kind) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: k.Group, Resource: k.resource}
}

func (k kind) groupKind() schema.GroupKind {
	return schema.GroupKind{Group: k.Group, Kind: k.name}
}

func (k kind) verbs() []string {
	if k.readOnly {
		return []string{"get", "list"}
	}
	return []string{"create", "delete", "get", "list", "patch", "update"}
}
