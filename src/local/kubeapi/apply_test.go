package kubeapi_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	core "k8s.io/client-go/applyconfigurations/core/v1"
)

func TestApplyMergesByOwner(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	maps := f.client(adminToken).CoreV1().ConfigMaps("default")
	ctx := t.Context()
	apply := func(manager string, force bool, data map[string]string) (*corev1.ConfigMap, error) {
		return maps.Apply(ctx, core.ConfigMap("m", "default").WithData(data), metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	must[*corev1.ConfigMap](t)(apply("one", false, map[string]string{"a": "1", "b": "1"}))
	must[*corev1.ConfigMap](t)(apply("two", false, map[string]string{"c": "2"}))
	if _, err := apply("two", false, map[string]string{"a": "2", "c": "2"}); !apierrors.IsConflict(err) {
		t.Errorf("another's field: %v", err)
	}
	must[*corev1.ConfigMap](t)(apply("two", true, map[string]string{"a": "2", "c": "2"}))
	// "one" no longer wants b; a is not its any more, and c never was.
	must[*corev1.ConfigMap](t)(apply("one", false, map[string]string{}))
	m := must[*corev1.ConfigMap](t)(maps.Get(ctx, "m", metav1.GetOptions{}))
	if diff := cmp.Diff(map[string]string{"a": "2", "c": "2"}, m.Data); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// A plain patch takes a field over, too.
	must[*corev1.ConfigMap](t)(maps.Patch(ctx, "m", types.MergePatchType, []byte(`{"data":{"c":"3"}}`), metav1.PatchOptions{FieldManager: "three"}))
	if _, err := apply("two", false, map[string]string{"a": "2", "c": "2"}); !apierrors.IsConflict(err) {
		t.Errorf("a patched field: %v", err)
	}
}

func TestBadApplyIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	client := f.client(adminToken).CoreV1().RESTClient()
	for name, tc := range map[string]struct {
		body, manager string
		code          int
	}{
		"no manager": {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"}}`, "", http.StatusUnprocessableEntity},
		"other name": {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n"}}`, "x", http.StatusBadRequest},
		"other kind": {`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"m"}}`, "x", http.StatusBadRequest},
		"not YAML":   {`a: [`, "x", http.StatusBadRequest},
		"bad key":    {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a b":"c"}}`, "x", http.StatusUnprocessableEntity},
		"good":       {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"}}`, "x", http.StatusCreated},
	} {
		result := client.Patch(types.ApplyPatchType).Namespace("default").Resource("configmaps").Name("m").Param("fieldManager", tc.manager).Body([]byte(tc.body)).Do(t.Context())
		var code int
		result.StatusCode(&code)
		if code != tc.code {
			t.Errorf("%s: %d, %v", name, code, result.Error())
		}
	}
}

func TestCollectionIsDeletedBySelector(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	maps := f.client(adminToken).CoreV1().ConfigMaps("default")
	for name, on := range map[string]string{"a": "1", "b": "1", "c": "0"} {
		must[*corev1.ConfigMap](t)(maps.Create(t.Context(), configMap(name, map[string]string{"on": on}), metav1.CreateOptions{}))
	}
	for _, dry := range [][]string{{"All"}, nil} {
		if err := maps.DeleteCollection(t.Context(), metav1.DeleteOptions{DryRun: dry}, metav1.ListOptions{LabelSelector: "on=1"}); err != nil {
			t.Fatal(err)
		}
		list := must[*corev1.ConfigMapList](t)(maps.List(t.Context(), metav1.ListOptions{}))
		if want := map[bool]int{true: 3, false: 1}[dry != nil]; len(list.Items) != want {
			t.Errorf("dry run %v: %d are left", dry, len(list.Items))
		}
	}
}
