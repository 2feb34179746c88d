package adapter

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

// Each of the texts is harmless, but one behind the other is what the Director looks for variables by.
func TestTheRecordHoldsNoVariablesButSecrets(t *testing.T) {
	t.Parallel()
	want := pks.ClusterSpec{ClusterName: "demo", Tags: []pks.Tag{{Name: "a", Value: "((("}, {Name: "b", Value: ")))"}, {Name: "c", Value: "me:((odb_secret:proxy))@host"}}}
	text, err := specText(want)
	if err != nil {
		t.Fatal(err)
	}
	if found := lookalike.FindAllString(text, -1); len(found) != 1 || found[0] != "((odb_secret:proxy))" {
		t.Errorf("BOSH finds the variables %q in %s", found, text)
	}
	var got pks.ClusterSpec
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
