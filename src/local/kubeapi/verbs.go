package kubeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

func (c *cluster) get(r request) (any, error) {
	o, ok := c.find(r.kind.resource, r.namespace, r.name)
	if !ok {
		return nil, apierrors.NewNotFound(r.kind.groupResource(), r.name)
	}
	return r.kind.typed(o), nil
}

// typed is a copy of o that says what it is, as answers must.
func (k kind) typed(o object) object {
	out := o.DeepCopyObject().(object)
	out.GetObjectKind().SetGroupVersionKind(k.GroupVersion.WithKind(k.name))
	return out
}

// objectList is the answer to a list request of any kind.
type objectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []object `json:"items"`
}

func (c *cluster) answerList(r request) (any, error) {
	q := r.URL.Query()
	selector, err := labels.Parse(q.Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("unable to parse requirement: %v", err))
	}
	wanted, err := fields.ParseSelector(q.Get("fieldSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	for _, requirement := range wanted.Requirements() {
		if requirement.Field != "metadata.name" && requirement.Field != "metadata.namespace" && requirement.Field != "type" {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("%q is not a known field selector: only \"metadata.name\", \"metadata.namespace\"", requirement.Field))
		}
	}
	out := objectList{
		TypeMeta: metav1.TypeMeta{Kind: r.kind.name + "List", APIVersion: r.kind.GroupVersion.String()},
		ListMeta: metav1.ListMeta{ResourceVersion: c.currentRevision()},
		Items:    []object{},
	}
	for _, o := range c.list(r.kind.resource, r.namespace) {
		set := fields.Set{"metadata.name": o.GetName(), "metadata.namespace": o.GetNamespace()}
		if s, ok := o.(*corev1.Secret); ok {
			set["type"] = string(s.Type)
		}
		if selector.Matches(labels.Set(o.GetLabels())) && wanted.Matches(set) {
			out.Items = append(out.Items, o)
		}
	}
	return out, nil
}

// body reads the object of a request into a new one of the path's kind.
func (r request) body() (object, error) {
	o := r.kind.make()
	if err := r.readObject(o); err != nil {
		return nil, err
	}
	gvk := o.GetObjectKind().GroupVersionKind()
	if gvk.Kind != "" && (gvk.Kind != r.kind.name || gvk.GroupVersion() != r.kind.GroupVersion) {
		return nil, apierrors.NewBadRequest(invalidType(r.kind.name, gvk.Kind).Error())
	}
	o.GetObjectKind().SetGroupVersionKind(r.kind.GroupVersion.WithKind(""))
	switch namespace := o.GetNamespace(); {
	case !r.kind.namespaced && namespace == "", namespace == r.namespace:
	case namespace == "":
		o.SetNamespace(r.namespace)
	default:
		return nil, apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return o, nil
}

// readObject reads the body into an object, in any of the forms that clients
// send: generated clients prefer protobuf.
func (r request) readObject(into runtime.Object) error {
	raw, err := r.read(runtime.ContentTypeJSON, runtime.ContentTypeProtobuf, runtime.ContentTypeYAML)
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		return nil
	}
	switch media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media {
	case runtime.ContentTypeProtobuf:
		if _, _, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, into); err != nil {
			return apierrors.NewBadRequest("couldn't read the object: " + err.Error())
		}
		return nil
	case runtime.ContentTypeYAML:
		if raw, err = yaml.YAMLToJSON(raw); err != nil {
			return apierrors.NewBadRequest("couldn't read the object: " + err.Error())
		}
	}
	return r.decode(raw, into)
}

func (r request) read(types ...string) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(types, media) {
		return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType, Reason: metav1.StatusReasonUnsupportedMediaType,
			Message: "the body of the request was in an unknown format - accepted media types include: " + types[0],
		}}
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", tooLarge.Limit))
		}
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return raw, nil
}

// decode reads JSON, and with fieldValidation=Strict refuses unknown members.
func (r request) decode(raw []byte, into any) error {
	strict, err := kjson.UnmarshalStrict(raw, into)
	if err != nil {
		return apierrors.NewBadRequest("couldn't read the object: " + err.Error())
	}
	if len(strict) > 0 && r.URL.Query().Get("fieldValidation") == metav1.FieldValidationStrict {
		var texts []string
		for _, e := range strict {
			texts = append(texts, e.Error())
		}
		return apierrors.NewBadRequest("strict decoding error: " + strings.Join(texts, ", "))
	}
	return nil
}

func (r request) dryRun() bool {
	return slices.Contains(r.URL.Query()["dryRun"], metav1.DryRunAll)
}

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
	err = c.change(func(t *transaction) error {
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

func (c *cluster) update(r request) (any, error) {
	o, err := r.body()
	if err != nil {
		return nil, err
	}
	if o.GetName() != r.name {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", o.GetName(), r.name))
	}
	return c.replace(r, func(object) (object, error) { return o, nil })
}

// patch applies a merge, strategic merge or JSON patch.
func (c *cluster) patch(r request) (any, error) {
	raw, err := r.read(string(types.StrategicMergePatchType), string(types.MergePatchType), string(types.JSONPatchType))
	if err != nil {
		return nil, err
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return c.replace(r, func(old object) (object, error) {
		was, err := json.Marshal(old)
		if err != nil {
			return nil, fmt.Errorf("patch %s: %w", r.name, err)
		}
		patched, err := applyPatch(types.PatchType(media), was, raw, r.kind.make())
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		o := r.kind.make()
		return o, r.decode(patched, o)
	})
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

func (c *cluster) delete(r request) (any, error) {
	var options metav1.DeleteOptions
	if r.ContentLength != 0 {
		if err := r.readObject(&options); err != nil {
			return nil, err
		}
	}
	if r.kind.resource == namespaces && slices.Contains(protectedNamespaces(), r.name) && r.name != corev1.NamespaceNodeLease {
		return nil, apierrors.NewForbidden(r.kind.groupResource(), r.name, errors.New("this namespace may not be deleted"))
	}
	var gone object
	err := c.change(func(t *transaction) error {
		t.dry = r.dryRun() || slices.Contains(options.DryRun, metav1.DryRunAll)
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
