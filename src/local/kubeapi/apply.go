package kubeapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// apply is server-side apply: the object gets what the sender wants, and others'
// fields stay theirs.
func (c *cluster) apply(r request, raw []byte) (answer any, status int, err error) {
	manager := r.URL.Query().Get("fieldManager")
	if manager == "" {
		return nil, 0, apierrors.NewInvalid(metav1.Unversioned.WithKind("PatchOptions").GroupKind(), "", field.ErrorList{
			field.Required(field.NewPath("fieldManager"), "is required for apply patch"),
		})
	}
	wanted, err := r.applied(raw)
	if err != nil {
		return nil, 0, err
	}
	fields, err := fieldManager(r.kind)
	if err != nil {
		return nil, 0, err
	}
	merge := func(old object) (object, error) {
		merged, err := fields.Apply(r.kind.typed(old), wanted, manager, r.URL.Query().Get("force") == "true")
		if err != nil {
			return nil, err
		}
		return r.kind.restore(merged)
	}
	if _, exists := c.find(r.kind.resource, r.namespace, r.name); exists {
		answer, err = c.replace(r, merge)
		return answer, http.StatusOK, err
	}
	o, err := merge(r.kind.make())
	if err != nil {
		return nil, 0, err
	}
	o.SetNamespace(r.namespace)
	answer, err = c.add(r, o)
	return answer, http.StatusCreated, err
}

// applied reads what the sender of an apply wants.
func (r request) applied(raw []byte) (*unstructured.Unstructured, error) {
	raw, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return nil, apierrors.NewBadRequest("couldn't read the object: " + err.Error())
	}
	typed := r.kind.make()
	if err := r.decode(raw, typed); err != nil {
		return nil, err
	}
	if typed.GetName() != r.name {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", typed.GetName(), r.name))
	}
	if err := r.settle(typed); err != nil {
		return nil, err
	}
	wanted := &unstructured.Unstructured{}
	if err := wanted.UnmarshalJSON(raw); err != nil {
		return nil, apierrors.NewBadRequest("couldn't read the object: " + err.Error())
	}
	return wanted, nil
}

// tracked notes whose fields a plain update or patch changed, once somebody has
// applied the object; before, nobody needs to know.
func (c *cluster) tracked(r request, old, o object) object {
	if len(old.GetManagedFields()) == 0 {
		return o
	}
	fields, err := fieldManager(r.kind)
	if err != nil {
		return o
	}
	manager := r.URL.Query().Get("fieldManager")
	if manager == "" {
		manager, _, _ = strings.Cut(r.UserAgent(), "/")
	}
	noted, err := r.kind.restore(fields.UpdateNoErrors(r.kind.typed(old), r.kind.typed(o), manager))
	if err != nil {
		return o
	}
	return noted
}

func fieldManager(k kind) (*managedfields.FieldManager, error) {
	m, err := managedfields.NewDefaultFieldManager(applyconfigurations.NewTypeConverter(scheme.Scheme), scheme.Scheme, noDefaults{}, scheme.Scheme,
		k.groupVersionKind(), k.GroupVersion, "", nil)
	if err != nil {
		return nil, fmt.Errorf("prepare to apply a %s: %w", k.name, err)
	}
	return m, nil
}

// noDefaults is a runtime.ObjectDefaulter: defaults are filled in later.
type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}

// restore brings what the field manager answers into the form that is kept.
func (k kind) restore(from runtime.Object) (object, error) {
	raw, err := json.Marshal(from)
	if err != nil {
		return nil, fmt.Errorf("apply a %s: %w", k.name, err)
	}
	o := k.make()
	if err := json.Unmarshal(raw, o); err != nil {
		return nil, fmt.Errorf("apply a %s: %w", k.name, err)
	}
	return o, nil
}
