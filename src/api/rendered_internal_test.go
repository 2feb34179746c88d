package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

// scribe renders clusters and remembers which.
type scribe struct{ rendered []string }

func (s *scribe) render(c pks.Cluster) (json.RawMessage, error) {
	s.rendered = append(s.rendered, c.ID)
	return json.Marshal(c.LastActionDescription)
}

func TestOnlyChangedClustersAreRenderedAgain(t *testing.T) {
	t.Parallel()
	var r rendered
	clusters := []*pks.Cluster{{ID: "a", LastActionDescription: "one"}, {ID: "b", LastActionDescription: "two"}, {ID: "c", LastActionDescription: "three"}}
	changed := []*pks.Cluster{clusters[0], {ID: "b", LastActionDescription: "other"}, clusters[2]}
	for _, step := range []struct {
		clusters []*pks.Cluster
		rendered []string
		want     string
	}{
		{clusters, []string{"a", "b", "c"}, `["one","two","three"]`},
		{clusters, nil, `["one","two","three"]`},
		{changed, []string{"b"}, `["one","other","three"]`},
		{changed[1:], nil, `["other","three"]`},
		{nil, nil, `[]`},
	} {
		var s scribe
		got, err := r.list(step.clusters, s.render)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.rendered, s.rendered); diff != "" {
			t.Errorf("rendered (-want +got):\n%s", diff)
		}
		var sent bytes.Buffer
		if err := got.writeTo(&sent); err != nil || sent.String() != step.want {
			t.Errorf("%s, %v; want %s", sent.String(), err, step.want)
		}
		if got.length() != sent.Len() {
			t.Errorf("length %d of %d bytes", got.length(), sent.Len())
		}
	}
}

func TestListThatCannotBeRenderedFailsWhole(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var r rendered
	got, err := r.list([]*pks.Cluster{{ID: "a"}}, func(pks.Cluster) (json.RawMessage, error) { return nil, broken })
	if got != nil || !errors.Is(err, broken) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestRenderedClustersAreForgottenBeforeTheyAreTooMany(t *testing.T) {
	t.Parallel()
	var r rendered
	clusters := make([]*pks.Cluster, renderedMost/2+1)
	for round := range 3 {
		for i := range clusters {
			clusters[i] = &pks.Cluster{ID: fmt.Sprint(round, "-", i)}
		}
		var s scribe
		if _, err := r.list(clusters, s.render); err != nil {
			t.Fatal(err)
		}
		if len(r.documents) > renderedMost {
			t.Fatalf("%d are remembered", len(r.documents))
		}
	}
}

// failingWriter takes so many bytes.
type failingWriter struct{ left int }

func (f *failingWriter) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("gone")
	}
	return len(p), nil
}

func TestLongListsAreSentInPiecesUntilTheClientLeaves(t *testing.T) {
	t.Parallel()
	long := list(slices.Repeat([]json.RawMessage{json.RawMessage(`"` + string(bytes.Repeat([]byte("x"), 1000)) + `"`)}, 200))
	if err := long.writeTo(&failingWriter{left: long.length()}); err != nil {
		t.Error(err)
	}
	for _, left := range []int{0, pieceSize, long.length() - 1} {
		if err := long.writeTo(&failingWriter{left: left}); err == nil {
			t.Errorf("nobody noticed that the client left after %d bytes", left)
		}
	}
}
