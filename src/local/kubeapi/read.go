package kubeapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func (c *cluster) get(r request) (any, error) {
	o, ok := c.find(r.kind.resource, r.namespace, r.name)
	if !ok {
		return nil, apierrors.NewNotFound(r.kind.groupResource(), r.name)
	}
	return r.kind.typed(o), nil
}

// typed is a copy of o that says what it is, as answers must. Elements of lists do
// not, and neither do the objects that are kept.
func (k kind) typed(o object) object {
	out := o.DeepCopyObject().(object)
	out.GetObjectKind().SetGroupVersionKind(k.groupVersionKind())
	return out
}

func (k kind) groupVersionKind() schema.GroupVersionKind { return k.GroupVersion.WithKind(k.name) }

// objectList is the answer to a list request of any kind.
type objectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []object `json:"items"`
}

func (c *cluster) answerList(r request) (any, error) {
	wanted, err := r.selector()
	if err != nil {
		return nil, err
	}
	objects, revision := c.list(r.kind.resource, r.namespace)
	out := objectList{
		TypeMeta: metav1.TypeMeta{Kind: r.kind.name + "List", APIVersion: r.kind.GroupVersion.String()},
		ListMeta: metav1.ListMeta{ResourceVersion: revision},
		Items:    []object{},
	}
	for _, o := range objects {
		if wanted.matches(o) {
			out.Items = append(out.Items, o)
		}
	}
	return out, nil
}

// selector is which objects a list or watch is about.
type selector struct {
	namespace, name string
	labels          labels.Selector
	fields          fields.Selector
}

func (r request) selector() (selector, error) {
	return newSelector(r.kind, r.namespace, r.name, r.URL.Query())
}

func newSelector(k kind, namespace, name string, q url.Values) (selector, error) {
	s := selector{namespace: namespace, name: name}
	var err error
	if s.labels, err = labels.Parse(q.Get("labelSelector")); err != nil {
		return selector{}, apierrors.NewBadRequest(fmt.Sprintf("unable to parse requirement: %v", err))
	}
	if s.fields, err = fields.ParseSelector(q.Get("fieldSelector")); err != nil {
		return selector{}, apierrors.NewBadRequest(err.Error())
	}
	known := slices.Concat([]string{"metadata.name", "metadata.namespace"}, k.fields)
	for _, requirement := range s.fields.Requirements() {
		if !slices.Contains(known, requirement.Field) {
			return selector{}, apierrors.NewBadRequest(fmt.Sprintf("%q is not a known field selector: only %q", requirement.Field, strings.Join(known, ", ")))
		}
	}
	return s, nil
}

func (s selector) matches(o object) bool {
	if s.namespace != "" && o.GetNamespace() != s.namespace || s.name != "" && o.GetName() != s.name {
		return false
	}
	set := fields.Set{"metadata.name": o.GetName(), "metadata.namespace": o.GetNamespace()}
	switch o := o.(type) {
	case *corev1.Secret:
		set["type"] = string(o.Type)
	case *corev1.Namespace:
		set["status.phase"] = string(o.Status.Phase)
	}
	return s.labels.Matches(labels.Set(o.GetLabels())) && s.fields.Matches(set)
}
