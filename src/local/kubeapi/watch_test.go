package kubeapi_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	core "k8s.io/client-go/kubernetes/typed/core/v1"
)

func configMap(name string, labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

// next is the next event in short: its type and the object's name.
func next(t *testing.T, w watch.Interface) string {
	t.Helper()
	select {
	case e, open := <-w.ResultChan():
		if !open {
			return "end"
		}
		if o, ok := e.Object.(metav1.Object); ok {
			return string(e.Type) + " " + o.GetName()
		}
		return string(e.Type) + " " + apierrors.FromObject(e.Object).Error()
	case <-time.After(20 * time.Second):
		t.Fatal("nothing happens")
		return ""
	}
}

func label(t *testing.T, maps core.ConfigMapInterface, name, value string) {
	t.Helper()
	must[*corev1.ConfigMap](t)(maps.Patch(t.Context(), name, types.MergePatchType, []byte(`{"metadata":{"labels":{"on":`+value+`}}}`), metav1.PatchOptions{}))
}

func TestWatchTellsOfChangesAsTheSelectorSeesThem(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.client(adminToken)
	maps := admin.CoreV1().ConfigMaps("default")
	must[*corev1.ConfigMap](t)(maps.Create(t.Context(), configMap("there", map[string]string{"on": "1"}), metav1.CreateOptions{}))

	all := must[watch.Interface](t)(maps.Watch(t.Context(), metav1.ListOptions{}))
	defer all.Stop()
	list := must[*corev1.ConfigMapList](t)(maps.List(t.Context(), metav1.ListOptions{}))
	lit := must[watch.Interface](t)(maps.Watch(t.Context(), metav1.ListOptions{LabelSelector: "on=1", ResourceVersion: list.ResourceVersion}))
	defer lit.Stop()

	must[*corev1.ConfigMap](t)(maps.Create(t.Context(), configMap("new", nil), metav1.CreateOptions{}))
	must[*corev1.ServiceAccount](t)(admin.CoreV1().ServiceAccounts("default").Create(t.Context(), account("other-kind"), metav1.CreateOptions{}))
	must[*corev1.ConfigMap](t)(admin.CoreV1().ConfigMaps("kube-public").Create(t.Context(), configMap("elsewhere", nil), metav1.CreateOptions{}))
	label(t, maps, "new", `"1"`)
	label(t, maps, "new", `null`)
	if err := maps.Delete(t.Context(), "new", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := maps.Delete(t.Context(), "there", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		w    watch.Interface
		want []string
	}{
		{"all", all, []string{"ADDED there", "ADDED new", "MODIFIED new", "MODIFIED new", "DELETED new", "DELETED there"}},
		{"lit", lit, []string{"ADDED new", "DELETED new", "DELETED there"}},
	} {
		var got []string
		for range tc.want {
			got = append(got, next(t, tc.w))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestWatchEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	maps := f.client(adminToken).CoreV1().ConfigMaps("default")
	second := int64(1)
	w := must[watch.Interface](t)(maps.Watch(t.Context(), metav1.ListOptions{TimeoutSeconds: &second}))
	if got := next(t, w); got != "end" {
		t.Errorf("after its time: %s", got)
	}
	w = must[watch.Interface](t)(maps.Watch(t.Context(), metav1.ListOptions{}))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := next(t, w); got != "end" {
		t.Errorf("after the server: %s", got)
	}
}

// TestWatchFromTheForgottenPast: whoever asks for too old a revision must list
// again, also after a restart, which forgets everything.
func TestWatchFromTheForgottenPast(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	maps := f.client(adminToken).CoreV1().ConfigMaps("default")
	made := must[*corev1.ConfigMap](t)(maps.Create(t.Context(), configMap("a", nil), metav1.CreateOptions{}))
	label(t, maps, "a", `"1"`)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.open()
	if err := f.Start(t.Context(), f.spec); err != nil {
		t.Fatal(err)
	}
	maps = f.client(adminToken).CoreV1().ConfigMaps("default")
	w := must[watch.Interface](t)(maps.Watch(t.Context(), metav1.ListOptions{ResourceVersion: made.ResourceVersion}))
	e := <-w.ResultChan()
	if err := apierrors.FromObject(e.Object); e.Type != watch.Error || !apierrors.IsResourceExpired(err) {
		t.Errorf("got %s %v", e.Type, err)
	}
	for name, o := range map[string]metav1.ListOptions{
		"initial events": {SendInitialEvents: new(true), ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan},
		"selector":       {LabelSelector: "a in"},
		"field":          {FieldSelector: "spec.colour=red"},
	} {
		if _, err := maps.Watch(t.Context(), o); !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
