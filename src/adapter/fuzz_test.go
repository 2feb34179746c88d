package adapter_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	yaml "gopkg.in/yaml.v2"

	"github.com/pks-community/pks-release/src/adapter"
	"github.com/pks-community/pks-release/src/pks"
)

// FuzzStdin: no input makes the program panic, and each failure tells the asker
// something.
func FuzzStdin(f *testing.F) {
	commands := []string{"generate-manifest", "create-binding", "delete-binding", "dashboard-url", "generate-plan-schemas"}
	f.Add(0, smallest().stdin(f))
	f.Add(0, `{"generate_manifest":{"request_parameters":"{\"parameters\":1}"}}`)
	f.Add(1, `{"create_binding":{"bosh_vms":"{}","manifest":"name: a","request_parameters":"{\"parameters\":[]}"}}`)
	f.Add(3, `{"dashboard_url":{"manifest":"features: {pks_cluster: 1}\nname: a","plan":"{}"}}`)
	f.Fuzz(func(t *testing.T, command int, stdin string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // bindings must not call anybody
		var stdout strings.Builder
		code := adapter.Run(ctx, adapter.Build{Version: "1.2.3", Commit: "abc"}, []string{"a", commands[(command%5+5)%5]}, strings.NewReader(stdin), &stdout, io.Discard)
		if code != 0 && stdout.Len() == 0 {
			t.Errorf("exit code %d without a word", code)
		}
	})
}

// refusalOrManifest is what Generate may answer with, whatever it is given.
func refusalOrManifest(t *testing.T, c call) {
	t.Helper()
	out, err := adapter.Generate(c.params(t))
	if err != nil {
		if _, ok := errors.AsType[*pks.Failure](err); !ok {
			t.Errorf("not a refusal: %v", err)
		}
		return
	}
	text, err := yamlText(out.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	var again bosh.BoshManifest
	if err := yaml.UnmarshalStrict([]byte(text), &again); err != nil {
		t.Errorf("the manifest cannot be read: %v\n%s", err, text)
	}
}

func objectOf(text string) (object, bool) {
	var o object
	return o, json.Unmarshal([]byte(text), &o) == nil && o != nil
}

func FuzzPlanProperties(f *testing.F) {
	for _, c := range golden() {
		raw, _ := json.Marshal(c.properties)
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if properties, ok := objectOf(text); ok {
			c := smallest()
			c.properties = properties
			refusalOrManifest(t, c)
		}
	})
}

func FuzzPreviousManifest(f *testing.F) {
	for _, c := range golden() {
		f.Add(c.run(f).Manifest)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m bosh.BoshManifest
		if yaml.Unmarshal([]byte(text), &m) != nil {
			return
		}
		c := smallest()
		in := c.params(t)
		in.PreviousManifest = &m
		if _, err := adapter.Generate(in); err != nil {
			if _, ok := errors.AsType[*pks.Failure](err); !ok {
				t.Errorf("not a refusal: %v", err)
			}
		}
		in.RequestParams = nil
		_, _ = adapter.Generate(in)
	})
}

func FuzzProfiles(f *testing.F) {
	kinds := []string{"network_profile", "compute_profile", "kubernetes_profile"}
	for _, c := range golden() {
		for i, kind := range kinds {
			if profile, ok := c.parameters[kind].(object); ok {
				raw, _ := json.Marshal(profile["parameters"])
				f.Add(i, string(raw))
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind int, text string) {
		if parameters, ok := objectOf(text); ok {
			refusalOrManifest(t, smallest().with(nil, object{kinds[(kind%3+3)%3]: object{"name": "p", "parameters": parameters}}))
		}
	})
}
