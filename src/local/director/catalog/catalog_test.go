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

func TestCompleteFillsInDefaults(t *testing.T) {
	t.Parallel()
	job := catalog.Job{
		Properties: []string{"port", "tls.ca", "tls.protocols", "user", "list"},
		Defaults:   map[string]any{"port": 8080, "tls.protocols": []any{"1.3"}, "user": "me", "list": []any{}},
	}
	given := map[string]any{"tls": map[string]any{"ca": "x"}, "user": nil, "port": 1, "other": true}
	want := map[string]any{"port": 1, "tls": map[string]any{"ca": "x", "protocols": []any{"1.3"}}, "user": "me", "list": []any{}}
	if diff := cmp.Diff(want, job.Complete(given)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"tls": map[string]any{"ca": "x"}, "user": nil, "port": 1, "other": true}, given); diff != "" {
		t.Errorf("the source was changed: %s", diff)
	}
	whole := map[string]any{"port": 8080, "tls": map[string]any{"protocols": []any{"1.3"}}, "user": "me", "list": []any{}}
	if diff := cmp.Diff(whole, job.Complete(map[string]any{"tls": "((a certificate))"})); diff != "" {
		t.Errorf("a variable in place of declared properties: %s", diff)
	}
}
