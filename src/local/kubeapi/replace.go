package kubeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

func (c *cluster) update(r request) (any, error) {
	o, err := r.body()
	if err != nil {
		return nil, err
	}
	if o.GetName() != r.name {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", o.GetName(), r.name))
	}
	return c.replace(r, func(old object) (object, error) { return c.tracked(r, old, o), nil })
}

// patch applies a merge, strategic merge or JSON patch, or applies what its sender
// wants to be true; the latter may make the object.
func (c *cluster) patch(r request) (answer any, status int, err error) {
	raw, err := r.read(string(types.StrategicMergePatchType), string(types.MergePatchType), string(types.JSONPatchType), string(types.ApplyPatchType))
	if err != nil {
		return nil, 0, err
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if types.PatchType(media) == types.ApplyPatchType {
		return c.apply(r, raw)
	}
	answer, err = c.replace(r, func(old object) (object, error) {
		was, err := json.Marshal(old)
		if err != nil {
			return nil, fmt.Errorf("patch %s: %w", r.name, err)
		}
		patched, err := applyPatch(types.PatchType(media), was, raw, r.kind.make())
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		o := r.kind.make()
		if err := r.decode(patched, o); err != nil {
			return nil, err
		}
		return c.tracked(r, old, o), nil
	})
	return answer, http.StatusOK, err
}

func applyPatch(t types.PatchType, was, patch []byte, shape object) ([]byte, error) {
	switch t {
	case types.StrategicMergePatchType:
		return strategicpatch.StrategicMergePatch(was, patch, shape)
	case types.MergePatchType:
		return jsonpatch.MergePatch(was, patch)
	default:
		p, err := jsonpatch.DecodePatch(patch)
		if err != nil {
			return nil, err
		}
		return p.Apply(was)
	}
}

// replace puts what next makes of an object in its place.
func (c *cluster) replace(r request, next func(old object) (object, error)) (any, error) {
	var answer object
	err := c.change(func(t *transaction) error {
		t.dry = r.dryRun()
		old, ok := t.find(r.kind.resource, r.namespace, r.name)
		if !ok {
			return apierrors.NewNotFound(r.kind.groupResource(), r.name)
		}
		o, err := next(old)
		if err != nil {
			return err
		}
		if v := o.GetResourceVersion(); v != "" && v != old.GetResourceVersion() {
			return apierrors.NewConflict(r.kind.groupResource(), r.name, errors.New("the object has been modified; please apply your changes to the latest version and try again"))
		}
		o.SetResourceVersion(old.GetResourceVersion())
		if o.GetUID() == "" {
			o.SetUID(old.GetUID())
		}
		o.SetCreationTimestamp(old.GetCreationTimestamp())
		keepStatus(o, old)
		defaults(o)
		if errs := r.kind.validate(o, old); len(errs) > 0 {
			return apierrors.NewInvalid(r.kind.groupKind(), r.name, errs)
		}
		t.put(r.kind.resource, o)
		answer = r.kind.typed(o)
		return nil
	})
	return answer, err
}

// keepStatus: what the cluster finds out itself cannot be written by a plain
// update.
func keepStatus(o, old object) {
	switch o := o.(type) {
	case *corev1.Node:
		o.Status = old.(*corev1.Node).Status
	case *corev1.Namespace:
		o.Status, o.Spec = old.(*corev1.Namespace).Status, old.(*corev1.Namespace).Spec
	}
}
