package kubeapi

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
)

// column is one of those that kubectl prints. Priority 1 is for -o wide.
type column struct {
	name     string
	priority int32
	value    func(object) any
}

func namespaceColumns() []column {
	return []column{{"Status", 0, func(o object) any { return string(o.(*corev1.Namespace).Status.Phase) }}}
}

func nodeColumns() []column {
	return []column{
		{"Status", 0, func(o object) any {
			if o.(*corev1.Node).Spec.Unschedulable {
				return "Ready,SchedulingDisabled"
			}
			return "Ready"
		}},
		{"Roles", 0, func(object) any { return "<none>" }},
		{"Version", 0, func(o object) any { return o.(*corev1.Node).Status.NodeInfo.KubeletVersion }},
		{"Internal-IP", 1, func(o object) any { return o.(*corev1.Node).Status.Addresses[0].Address }},
		{"External-IP", 1, func(object) any { return "<none>" }},
		{"OS-Image", 1, func(o object) any { return o.(*corev1.Node).Status.NodeInfo.OSImage }},
		{"Kernel-Version", 1, func(o object) any { return o.(*corev1.Node).Status.NodeInfo.KernelVersion }},
		{"Container-Runtime", 1, func(o object) any { return o.(*corev1.Node).Status.NodeInfo.ContainerRuntimeVersion }},
	}
}

func serviceColumns() []column {
	return []column{
		{"Type", 0, func(o object) any { return string(o.(*corev1.Service).Spec.Type) }},
		{"Cluster-IP", 0, func(o object) any { return o.(*corev1.Service).Spec.ClusterIP }},
		{"External-IP", 0, func(object) any { return "<none>" }},
		{"Port(s)", 0, func(o object) any {
			var ports []string
			for _, p := range o.(*corev1.Service).Spec.Ports {
				ports = append(ports, fmt.Sprintf("%d/%s", p.Port, p.Protocol))
			}
			return strings.Join(ports, ",")
		}},
	}
}

func secretColumns() []column {
	return []column{
		{"Type", 0, func(o object) any { return string(o.(*corev1.Secret).Type) }},
		{"Data", 0, func(o object) any { return len(o.(*corev1.Secret).Data) }},
	}
}

func configMapColumns() []column {
	return []column{{"Data", 0, func(o object) any { m := o.(*corev1.ConfigMap); return len(m.Data) + len(m.BinaryData) }}}
}

func serviceAccountColumns() []column {
	return []column{{"Secrets", 0, func(o object) any { return len(o.(*corev1.ServiceAccount).Secrets) }}}
}

func roleColumns() []column {
	return []column{{"Role", 0, func(o object) any {
		switch b := o.(type) {
		case *rbacv1.RoleBinding:
			return b.RoleRef.Kind + "/" + b.RoleRef.Name
		case *rbacv1.ClusterRoleBinding:
			return b.RoleRef.Kind + "/" + b.RoleRef.Name
		default:
			return ""
		}
	}}}
}

// asTable turns an object or a list into the table that kubectl asks for with its
// Accept header.
func asTable(r request, answer any) (metav1.Table, bool) {
	if !wantsTable(r.Header.Get("Accept")) {
		return metav1.Table{}, false
	}
	table := metav1.Table{TypeMeta: metav1.TypeMeta{Kind: "Table", APIVersion: metav1.SchemeGroupVersion.String()}}
	var rows []object
	switch a := answer.(type) {
	case objectList:
		table.ListMeta, rows = a.ListMeta, a.Items
	case object:
		table.ResourceVersion, rows = a.GetResourceVersion(), []object{a}
	default:
		return metav1.Table{}, false
	}
	table.ColumnDefinitions = []metav1.TableColumnDefinition{{Name: "Name", Type: "string", Format: "name"}}
	for _, col := range r.kind.columns {
		table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: col.name, Type: "string", Priority: col.priority})
	}
	table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: "Age", Type: "string"})
	table.Rows = []metav1.TableRow{}
	for _, o := range rows {
		cells := []any{o.GetName()}
		for _, col := range r.kind.columns {
			cells = append(cells, col.value(o))
		}
		cells = append(cells, age(o))
		table.Rows = append(table.Rows, metav1.TableRow{Cells: cells, Object: runtime.RawExtension{Object: r.rowObject(o)}})
	}
	return table, true
}

// rowObject is the object of a row, or just its metadata.
func (r request) rowObject(o object) object {
	if r.URL.Query().Get("includeObject") == string(metav1.IncludeObject) {
		return r.kind.typed(o)
	}
	copied := r.kind.typed(o)
	meta := &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{Kind: "PartialObjectMetadata", APIVersion: metav1.SchemeGroupVersion.String()},
		ObjectMeta: metav1.ObjectMeta{
			Name: copied.GetName(), Namespace: copied.GetNamespace(), UID: copied.GetUID(), ResourceVersion: copied.GetResourceVersion(),
			CreationTimestamp: copied.GetCreationTimestamp(), Labels: copied.GetLabels(), Annotations: copied.GetAnnotations(),
		},
	}
	return meta
}

func wantsTable(accept string) bool {
	first, _, _ := strings.Cut(accept, ",")
	return strings.Contains(first, "as=Table") && strings.Contains(first, "v=v1;") || strings.HasSuffix(first, "v=v1") && strings.Contains(first, "as=Table")
}

func age(o object) string {
	return duration.HumanDuration(time.Since(o.GetCreationTimestamp().Time))
}
