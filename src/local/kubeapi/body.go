package kubeapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// body reads the object of a request into a new one of the path's kind.
func (r request) body() (object, error) {
	o := r.kind.make()
	if err := r.readObject(o); err != nil {
		return nil, err
	}
	return o, r.settle(o)
}

// settle makes sure that the object of a request is of the kind and in the
// namespace of its path.
func (r request) settle(o object) error {
	gvk := o.GetObjectKind().GroupVersionKind()
	if gvk.Kind != "" && (gvk.Kind != r.kind.name || gvk.GroupVersion() != r.kind.GroupVersion) {
		return apierrors.NewBadRequest(invalidType(r.kind.name, gvk.Kind).Error())
	}
	o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	switch namespace := o.GetNamespace(); {
	case !r.kind.namespaced && namespace == "", namespace == r.namespace:
	case namespace == "":
		o.SetNamespace(r.namespace)
	default:
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return nil
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
