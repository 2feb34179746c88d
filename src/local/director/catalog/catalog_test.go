package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director/catalog"
)

func TestSelectKeepsOnlyDeclaredProperties(t *testing.T) {
	t.Parallel()
	given := map[string]any{
		"tls": map[string]any{"ca": "x", "key": "y", "typo": "z"},
		"all": map[string]any{"a": 1, "b": map[string]any{"c": 2}},
		"not": "declared", "flat": true,
	}
	want := map[string]any{
		"tls": map[string]any{"ca": "x", "key": "y"},
		"all": map[string]any{"a": 1, "b": map[string]any{"c": 2}}, "flat": true,
	}
	got := catalog.Select(given, []string{"tls.ca", "tls.key", "tls.missing", "all", "all.b.c", "flat", "flat.below", "absent.at.all"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, changed := given["tls"].(map[string]any)["typo"]; !changed {
		t.Error("the source was changed")
	}
}
