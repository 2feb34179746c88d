package kubeapi

import (
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (c *cluster) delete(r request) (any, error) {
	options, err := r.deleteOptions()
	if err != nil {
		return nil, err
	}
	if r.kind.resource == namespaces && slices.Contains(protectedNamespaces(), r.name) && r.name != corev1.NamespaceNodeLease {
		return nil, apierrors.NewForbidden(r.kind.groupResource(), r.name, errors.New("this namespace may not be deleted"))
	}
	var gone object
	err = c.change(func(t *transaction) error {
		t.dry = len(options.DryRun) > 0
		o, ok := t.find(r.kind.resource, r.namespace, r.name)
		if !ok {
			return apierrors.NewNotFound(r.kind.groupResource(), r.name)
		}
		if p := options.Preconditions; p != nil {
			if p.UID != nil && *p.UID != o.GetUID() || p.ResourceVersion != nil && *p.ResourceVersion != o.GetResourceVersion() {
				return apierrors.NewConflict(r.kind.groupResource(), r.name, errors.New("the precondition does not hold"))
			}
		}
		gone = o
		t.remove(r.kind.resource, r.namespace, r.name)
		t.removeDependents(o)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusSuccess,
		Details:  &metav1.StatusDetails{Name: r.name, Group: r.kind.Group, Kind: r.kind.resource, UID: gone.GetUID()},
	}, nil
}

// deleteOptions are those of the body and, for the dry run, of the query.
func (r request) deleteOptions() (metav1.DeleteOptions, error) {
	var options metav1.DeleteOptions
	if r.ContentLength != 0 {
		if err := r.readObject(&options); err != nil {
			return options, err
		}
	}
	if r.dryRun() {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return options, nil
}

// deleteCollection deletes what a list with the same query would show, and answers
// with it.
func (c *cluster) deleteCollection(r request) (any, error) {
	options, err := r.deleteOptions()
	if err != nil {
		return nil, err
	}
	answer, err := c.answerList(r)
	if err != nil {
		return nil, err
	}
	err = c.change(func(t *transaction) error {
		t.dry = len(options.DryRun) > 0
		for _, o := range answer.(objectList).Items {
			t.remove(r.kind.resource, o.GetNamespace(), o.GetName())
			t.removeDependents(o)
		}
		return nil
	})
	return answer, err
}

// removeDependents takes away what cannot be without o: the content of a
// namespace, the tokens of a service account.
func (t *transaction) removeDependents(o object) {
	switch o := o.(type) {
	case *corev1.Namespace:
		for _, k := range kinds() {
			if !k.namespaced {
				continue
			}
			for at := range t.c.objects[k.resource] {
				if at.namespace == o.Name {
					t.remove(k.resource, at.namespace, at.name)
				}
			}
		}
	case *corev1.ServiceAccount:
		for at, held := range t.c.objects[secrets] {
			s := held.(*corev1.Secret)
			if at.namespace == o.Namespace && s.Type == corev1.SecretTypeServiceAccountToken && s.Annotations[corev1.ServiceAccountUIDKey] == string(o.UID) {
				t.remove(secrets, at.namespace, at.name)
			}
		}
	}
}
