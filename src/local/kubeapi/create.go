package kubeapi

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func (c *cluster) create(r request) (any, error) {
	o, err := r.body()
	if err != nil {
		return nil, err
	}
	if r.kind.namespaced && r.namespace == "" {
		return nil, apierrors.NewMethodNotSupported(r.kind.groupResource(), "create")
	}
	if o.GetResourceVersion() != "" {
		return nil, apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	return c.add(r, o)
}

// add checks a new object and stores it.
func (c *cluster) add(r request, o object) (any, error) {
	if o.GetName() == "" && o.GetGenerateName() != "" {
		o.SetName(o.GetGenerateName() + string(newUID())[:5])
	}
	defaults(o)
	if err := c.mayHandOut(r, o); err != nil {
		return nil, err
	}
	if errs := r.kind.validate(o, nil); len(errs) > 0 {
		return nil, apierrors.NewInvalid(r.kind.groupKind(), o.GetName(), errs)
	}
	var answer object
	err := c.change(func(t *transaction) error {
		t.dry = r.dryRun()
		if _, exists := t.find(r.kind.resource, o.GetNamespace(), o.GetName()); exists {
			return apierrors.NewAlreadyExists(r.kind.groupResource(), o.GetName())
		}
		if r.kind.namespaced {
			if _, ok := t.find(namespaces, "", o.GetNamespace()); !ok {
				return apierrors.NewNotFound(kind{resource: namespaces}.groupResource(), o.GetNamespace())
			}
		}
		if n, ok := o.(*corev1.Namespace); ok {
			t.createNamespace(n)
		} else {
			t.create(r.kind.resource, o)
		}
		answer = r.kind.typed(o)
		if s, ok := o.(*corev1.Secret); ok && s.Type == corev1.SecretTypeServiceAccountToken {
			return t.fillToken(s)
		}
		return nil
	})
	return answer, err
}

// fillToken is the work of the controller of service account tokens. The answer
// to the request was made before: a client has to look again. The Secret of an
// account that does not exist goes away.
func (t *transaction) fillToken(s *corev1.Secret) error {
	account, ok := t.find(serviceAccounts, s.Namespace, s.Annotations[corev1.ServiceAccountNameKey])
	if !ok {
		t.remove(secrets, s.Namespace, s.Name)
		return nil
	}
	token, err := t.c.identity.legacyToken(account.(*corev1.ServiceAccount), s.Name)
	if err != nil {
		return err
	}
	filled := s.DeepCopy()
	filled.Annotations[corev1.ServiceAccountUIDKey] = string(account.GetUID())
	filled.Data = map[string][]byte{
		corev1.ServiceAccountTokenKey:     []byte(token),
		corev1.ServiceAccountRootCAKey:    t.c.identity.ca,
		corev1.ServiceAccountNamespaceKey: []byte(s.Namespace),
	}
	t.put(secrets, filled)
	return nil
}

// mayHandOut keeps users from giving away rights that they do not have.
func (c *cluster) mayHandOut(r request, o object) error {
	var ref rbacv1.RoleRef
	switch o := o.(type) {
	case *rbacv1.ClusterRoleBinding:
		ref = o.RoleRef
	case *rbacv1.RoleBinding:
		ref = o.RoleRef
	default:
		return nil
	}
	if c.mayBind(r.user, ref, o.GetNamespace()) {
		return nil
	}
	return apierrors.NewForbidden(r.kind.groupResource(), o.GetName(),
		fmt.Errorf("user %q is attempting to grant RBAC permissions not currently held", r.user.name))
}
