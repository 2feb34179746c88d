package kubeapi

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	categories []string
	namespaced bool
	verbs      []string
	make       func() object
	// fields are those by which objects can be selected, besides name and namespace.
	fields []string
	// validName is the rule for metadata.name; nil for kinds that nobody can make.
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

// The verbs of a kind.
func anything() []string {
	return []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
}
func reading() []string { return []string{"get", "list", "watch"} }

// changing is for nodes: they come and go with their machines.
func changing() []string { return []string{"get", "list", "patch", "update", "watch"} }

func kinds() []kind {
	own := []kind{
		{GroupVersion: coreV1, name: "Namespace", resource: namespaces, singular: "namespace", short: []string{"ns"}, verbs: anything(),
			make: func() object { return &corev1.Namespace{} }, fields: []string{"status.phase"}, validName: dnsLabel, columns: namespaceColumns()},
		{GroupVersion: coreV1, name: "Node", resource: nodes, singular: "node", short: []string{"no"}, verbs: changing(),
			make: func() object { return &corev1.Node{} }, validName: dnsSubdomain, columns: nodeColumns()},
		{GroupVersion: coreV1, name: "Service", resource: services, singular: "service", short: []string{"svc"}, categories: []string{"all"}, namespaced: true, verbs: reading(),
			make: func() object { return &corev1.Service{} }, columns: serviceColumns()},
		{GroupVersion: coreV1, name: "Secret", resource: secrets, singular: "secret", namespaced: true, verbs: anything(),
			make: func() object { return &corev1.Secret{} }, fields: []string{"type"}, validName: dnsSubdomain, columns: secretColumns()},
		{GroupVersion: coreV1, name: "ConfigMap", resource: configMaps, singular: "configmap", short: []string{"cm"}, namespaced: true, verbs: anything(),
			make: func() object { return &corev1.ConfigMap{} }, validName: dnsSubdomain, columns: configMapColumns()},
		{GroupVersion: coreV1, name: "ServiceAccount", resource: serviceAccounts, singular: "serviceaccount", short: []string{"sa"}, namespaced: true, verbs: anything(),
			make: func() object { return &corev1.ServiceAccount{} }, validName: dnsSubdomain, columns: serviceAccountColumns()},
		{GroupVersion: rbacV1, name: "Role", resource: roles, singular: "role", namespaced: true, verbs: anything(),
			make: func() object { return &rbacv1.Role{} }, validName: pathSegment},
		{GroupVersion: rbacV1, name: "RoleBinding", resource: roleBindings, singular: "rolebinding", namespaced: true, verbs: anything(),
			make: func() object { return &rbacv1.RoleBinding{} }, validName: pathSegment, columns: roleColumns()},
		{GroupVersion: rbacV1, name: "ClusterRole", resource: clusterRoles, singular: "clusterrole", verbs: anything(),
			make: func() object { return &rbacv1.ClusterRole{} }, validName: pathSegment},
		{GroupVersion: rbacV1, name: "ClusterRoleBinding", resource: clusterRoleBindings, singular: "clusterrolebinding", verbs: anything(),
			make: func() object { return &rbacv1.ClusterRoleBinding{} }, validName: pathSegment, columns: roleColumns()},
	}
	return append(own, absent()...)
}

// absent are the kinds of which there are never any objects, since nothing runs on
// simulated machines: they can be looked for, and whoever wants to make one is told
// why not.
func absent() []kind {
	none := func(gv schema.GroupVersion, name, resource, short string, make func() object, fields ...string) kind {
		k := kind{GroupVersion: gv, name: name, resource: resource, singular: strings.ToLower(name), namespaced: true, verbs: reading(), make: make, fields: fields}
		if short != "" {
			k.short = []string{short}
		}
		return k
	}
	workload := func(gv schema.GroupVersion, name, resource, short string, make func() object, fields ...string) kind {
		k := none(gv, name, resource, short, make, fields...)
		k.categories = []string{"all"}
		return k
	}
	apps, batch := appsv1.SchemeGroupVersion, batchv1.SchemeGroupVersion
	return []kind{
		workload(coreV1, "Pod", pods, "po", func() object { return &corev1.Pod{} },
			"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"),
		none(coreV1, "Event", "events", "ev", func() object { return &corev1.Event{} },
			"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
			"involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"),
		none(coreV1, "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", func() object { return &corev1.PersistentVolumeClaim{} }),
		none(coreV1, "ResourceQuota", "resourcequotas", "quota", func() object { return &corev1.ResourceQuota{} }),
		none(coreV1, "LimitRange", "limitranges", "limits", func() object { return &corev1.LimitRange{} }),
		workload(apps, "DaemonSet", "daemonsets", "ds", func() object { return &appsv1.DaemonSet{} }),
		workload(apps, "Deployment", "deployments", "deploy", func() object { return &appsv1.Deployment{} }),
		workload(apps, "ReplicaSet", "replicasets", "rs", func() object { return &appsv1.ReplicaSet{} }, "status.replicas"),
		workload(apps, "StatefulSet", "statefulsets", "sts", func() object { return &appsv1.StatefulSet{} }),
		workload(batch, "CronJob", "cronjobs", "cj", func() object { return &batchv1.CronJob{} }),
		workload(batch, "Job", "jobs", "", func() object { return &batchv1.Job{} }, "status.successful"),
	}
}

func (k kind) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: k.Group, Resource: k.resource}
}

func (k kind) groupKind() schema.GroupKind {
	return schema.GroupKind{Group: k.Group, Kind: k.name}
}

// unsupported is the answer to a verb that the kind does not have.
func (k kind) unsupported(verb string) error {
	err := apierrors.NewMethodNotSupported(k.groupResource(), verb)
	if slices.Contains(anything(), verb) {
		err.ErrStatus.Message += ": the machines of this cluster are simulated and run nothing"
	}
	return err
}
