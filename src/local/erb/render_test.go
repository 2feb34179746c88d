package erb_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/erb"
)

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("ruby"); err != nil {
		println("ruby is not installed: nothing is tested; tools/setup-tests installs it")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// job writes a job with one template and returns its folder.
func job(t *testing.T, template string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"spec": `
name: demo
templates: {config.erb: config/config}
consumes:
- {name: db, type: database}
- {name: maybe, type: other, optional: true}
properties:
  port: {default: 80}
  tls.ca: {}
  tls.key: {}
  flag: {}
  list: {default: []}
`,
		"monit":                `check process <%= name %>` + "\n",
		"templates/config.erb": template,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func input() erb.Input {
	address := "db.internal"
	return erb.Input{
		Properties: map[string]any{"tls": map[string]any{"ca": "CA"}, "flag": false, "undeclared": "x"},
		Links: map[string]erb.Link{
			"db": {
				Properties: map[string]any{"port": 5432, "role": map[string]any{"name": "pks"}}, Address: &address,
				Instances: []map[string]any{{"address": "10.0.0.1", "index": 0}, {"address": "10.0.0.2", "index": 1}},
			},
			"stranger": {Properties: map[string]any{}},
		},
		Spec: map[string]any{"name": "group", "index": 3, "bootstrap": false, "networks": map[string]any{"default": map[string]any{"ip": "10.0.0.9"}}},
	}
}

// What a Director makes of templates (reference/bosh-release.md §4.3).
func TestTemplatesSeeWhatADirectorShows(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		`<%= p('port') %>`:                                     "80",
		`<%= p('flag') %>`:                                     "false",
		`<%= p('tls.ca') %>`:                                   "CA",
		`<%= p('tls')['ca'] %>`:                                "CA",
		`<%= p('tls.key', 'none') %>`:                          "none",
		`<%= p('tls.key', nil).inspect %>`:                     "nil",
		`<%= p(['tls.key', 'tls.ca']) %>`:                      "CA",
		`<%= properties.tls.ca %>`:                             "CA",
		`<% if_p('flag') do |f| %>set<% end %>`:                "set",
		`<% if_p('tls.key') do %>a<% end.else do %>b<% end %>`: "b",
		`<% if_p('tls.ca') do %>a<% end.else do %>b<% end %>`:  "a",
		`<% if_p('tls.key') do %>a<% end.else_if_p('tls.ca') do |c| %><%= c %><% end %>`: "CA",
		`<% if_p('tls.ca', 'port') do |c, n| %><%= c %> <%= n %><% end %>`:               "CA 80",
		`<%= link('db').p('port') %>`:                                             "5432",
		`<%= link('db').p('role.name') %>`:                                        "pks",
		`<%= link('db').p('nope', 7) %>`:                                          "7",
		`<%= link('db').address %>`:                                               "db.internal",
		`<%= link('db').instances.map(&:address).join(',') %>`:                    "10.0.0.1,10.0.0.2",
		`<% if_link('maybe') do %>a<% end.else do %>b<% end %>`:                   "b",
		`<% if_link('db') do |l| %><%= l.p('port') %><% end.else do %>b<% end %>`: "5432",
		`<%= spec.name %> <%= spec.index %> <%= spec.bootstrap %> <%= index %>`:   "group 3 false 3",
		`<%= spec.networks.default.ip %>`:                                         "10.0.0.9",
		`<%= spec.nothing.inspect %>`:                                             "nil",
		"<% if true -%>\na\n<% end -%>\nb":                                        "a\nb",
		"<%= JSON.generate('a' => p('list')) %>":                                  `{"a":[]}`,
		"<%= YAML.dump('a' => 1) %>":                                              "---\na: 1\n",
	} {
		t.Run(template, func(t *testing.T) {
			t.Parallel()
			files, err := erb.Render(t.Context(), job(t, template), input())
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name, content := range files {
				got[name] = string(content)
			}
			if diff := cmp.Diff(map[string]string{"config/config": want, "monit": "check process group\n"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFaultsNameTemplateAndLine(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]erb.Fault{
		"\n<%= p('tls.key') %>":                  {Job: "demo", Template: "config.erb", Line: 2, Message: "Can't find property 'tls.key'"},
		"<%= p('undeclared') %>":                 {Job: "demo", Template: "config.erb", Line: 1, Message: "Can't find property 'undeclared'"},
		"<%= p(['a', 'b']) %>":                   {Job: "demo", Template: "config.erb", Line: 1, Message: "Can't find property 'a', or 'b'"},
		"<%= link('maybe') %>":                   {Job: "demo", Template: "config.erb", Line: 1, Message: "Can't find link 'maybe'"},
		"<%= link('stranger') %>":                {Job: "demo", Template: "config.erb", Line: 1, Message: "Can't find link 'stranger'"},
		"a\nb\n<%= link('db').p('nope') %>":      {Job: "demo", Template: "config.erb", Line: 3, Message: "Can't find property 'nope'"},
		"<% raise 'the operator should know' %>": {Job: "demo", Template: "config.erb", Line: 1, Message: "the operator should know"},
	} {
		t.Run(template, func(t *testing.T) {
			t.Parallel()
			_, err := erb.Render(t.Context(), job(t, template), input())
			got, ok := errors.AsType[erb.Fault](err)
			if !ok {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSyntaxErrorsAreFaults(t *testing.T) {
	t.Parallel()
	_, err := erb.Render(t.Context(), job(t, "<% if true %>"), input())
	if fault, ok := errors.AsType[erb.Fault](err); !ok || fault.Template != "config.erb" {
		t.Error(err)
	}
}

func TestLinkWithoutAddress(t *testing.T) {
	t.Parallel()
	in := input()
	in.Links["db"] = erb.Link{Properties: map[string]any{}}
	_, err := erb.Render(t.Context(), job(t, "<%= link('db').address %>"), in)
	if err == nil || !strings.Contains(err.Error(), "the link has no address") {
		t.Error(err)
	}
}

// One fault does not keep the other inputs from being rendered.
func TestRenderAllKeepsOrder(t *testing.T) {
	t.Parallel()
	one, two := input(), input()
	one.Properties = map[string]any{}
	all, err := erb.RenderAll(t.Context(), job(t, "<%= p('tls.ca') %>"), one, two)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Err() == nil || all[1].Err() != nil || string(all[1].Files["config/config"]) != "CA" {
		t.Errorf("%+v", all)
	}
}

func TestLinkTellsOfItsPropertiesAlone(t *testing.T) {
	t.Parallel()
	provider := erb.Job{
		Provides:   []erb.LinkDefinition{{Name: "web", Type: "web", Properties: []string{"port", "tls.ca"}}},
		Properties: map[string]erb.Property{"port": {Default: 80}, "tls.ca": {}, "tls.key": {}},
	}
	got := provider.Link("web", map[string]any{"tls": map[string]any{"ca": "CA", "key": "KEY"}})
	want := map[string]any{"port": 80, "tls": map[string]any{"ca": "CA"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := provider.Link("other", nil); got != nil {
		t.Errorf("a link that there is not: %v", got)
	}
}

func TestMissingJobIsNamed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "nojob")
	if _, err := erb.Render(t.Context(), dir, erb.Input{}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
}
