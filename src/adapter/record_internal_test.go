package adapter

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

// Each of the texts is harmless, but one behind the other is what the Director looks for variables by.
func TestTheRecordHoldsNoVariables(t *testing.T) {
	t.Parallel()
	want := pks.ClusterSpec{ClusterName: "demo", Tags: []pks.Tag{{Name: "a", Value: "((("}, {Name: "b", Value: ")))"}}}
	text, err := specText(want)
	if err != nil {
		t.Fatal(err)
	}
	if lookalike.MatchString(text) {
		t.Errorf("BOSH finds a variable in %s", text)
	}
	var got pks.ClusterSpec
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
