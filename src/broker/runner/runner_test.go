package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/broker/config"
)

// script makes an adapter of a shell script; "$0.in" is a place for it to write to.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "adapter")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func newRunner(t *testing.T, text string, change ...func(*Config)) *Runner {
	t.Helper()
	c := Config{Path: script(t, text), Stdin: true, Timeout: 30 * time.Second, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	return New(c)
}

func request() ManifestRequest {
	return ManifestRequest{
		DeploymentName: "d1",
		Deployment: config.ServiceDeployment{
			Releases:  []config.Release{{Name: "kubo", Version: "1.0", Jobs: []string{"kubelet"}}},
			Stemcells: []config.Stemcell{{OS: "ubuntu-jammy", Version: "1.500"}},
		},
		Plan:              serviceadapter.Plan{Properties: serviceadapter.Properties{"a": "<b>"}, InstanceGroups: []serviceadapter.InstanceGroup{}},
		RequestParameters: []byte(`{"parameters":{}}`),
	}
}

func TestManifestByStandardInput(t *testing.T) {
	t.Parallel()
	r := newRunner(t, `cat > "$0.in"; echo "$*" > "$0.args"; printf '%s' '{"manifest":"name: d1\n","secrets":{"s":"x"},"configs":{"cloud":"a: b"},"labels":{"l":1}}'`)
	got, err := r.GenerateManifest(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	want := Manifest{Text: "name: d1\n", Secrets: map[string]any{"s": "x"}, Configs: map[string]string{"cloud": "a: b"}, Labels: map[string]any{"l": 1.0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	in, _ := os.ReadFile(r.config.Path + ".in")
	wantIn := `{"generate_manifest":{"service_deployment":"{\"deployment_name\":\"d1\",\"releases\":[{\"name\":\"kubo\",\"version\":\"1.0\",\"jobs\":[\"kubelet\"]}],\"stemcells\":[{\"stemcell_os\":\"ubuntu-jammy\",\"stemcell_version\":\"1.500\"}]}",` +
		`"plan":"{\"properties\":{\"a\":\"\u003cb\u003e\"},\"lifecycle_errands\":{},\"instance_groups\":[]}","previous_plan":"null","previous_manifest":"","request_parameters":"{\"parameters\":{}}","previous_secrets":"null","previous_configs":"null","uaa_client":"null"},` +
		`"dashboard_url":{"instance_id":"","plan":"","manifest":""},"create_binding":{"binding_id":"","bosh_vms":"","manifest":"","request_parameters":"","secrets":"","dns_addresses":""},` +
		`"delete_binding":{"binding_id":"","bosh_vms":"","manifest":"","request_parameters":"","secrets":"","dns_addresses":""},"generate_plan_schemas":{"plan":""}}`
	if diff := cmp.Diff(wantIn, string(in)); diff != "" {
		t.Error(diff)
	}
	args, _ := os.ReadFile(r.config.Path + ".args")
	if string(args) != "generate-manifest\n" {
		t.Errorf("on the command line: %s", args)
	}
}

func TestManifestByPositionalArguments(t *testing.T) {
	t.Parallel()
	r := newRunner(t, `printf '%s\n' "$1" "$4" "$5" "$6" "$#" > "$0.args"; echo 'name: d1'`, func(c *Config) { c.Stdin = false })
	q := request()
	q.PreviousManifest = "name: old"
	got, err := r.GenerateManifest(t.Context(), q)
	if err != nil || got.Text != "name: d1\n" {
		t.Fatalf("%+v %v", got, err)
	}
	args, _ := os.ReadFile(r.config.Path + ".args")
	if diff := cmp.Diff("generate-manifest\n{\"parameters\":{}}\nname: old\nnull\n6\n", string(args)); diff != "" {
		t.Error(diff)
	}
}

func TestOtherQuestionsByPositionalArguments(t *testing.T) {
	t.Parallel()
	r := newRunner(t, `printf '%s|' "$@" > "$0.$1"
case "$1" in
create-binding) echo '{"credentials":{"a":1}}' ;;
dashboard-url) echo '{"dashboard_url":"https://x"}' ;;
generate-plan-schemas) echo '{"service_instance":{"create":{"parameters":{"type":"object"}}}}' ;;
esac`, func(c *Config) { c.Stdin = false })
	q := BindingRequest{
		BindingID: "b1", VMs: map[string][]string{"worker": {"10.0.0.3"}}, Manifest: "name: d1", RequestParameters: []byte(`{"plan_id":"p"}`),
		Secrets: map[string]string{"((pw))": "topsecret"},
	}
	plan := serviceadapter.Plan{InstanceGroups: []serviceadapter.InstanceGroup{}, Properties: serviceadapter.Properties{}}
	const planText = `{"properties":{},"lifecycle_errands":{},"instance_groups":[]}`
	for subcommand, c := range map[string]struct {
		run  func() (any, error)
		want any
		args string
	}{
		"create-binding": {func() (any, error) { return r.CreateBinding(t.Context(), q) }, Binding{Credentials: map[string]any{"a": 1.0}}, `b1|{"worker":["10.0.0.3"]}|name: d1|{"plan_id":"p"}|`},
		"delete-binding": {func() (any, error) { return nil, r.DeleteBinding(t.Context(), q) }, nil, `b1|{"worker":["10.0.0.3"]}|name: d1|{"plan_id":"p"}|`},
		"dashboard-url":  {func() (any, error) { return r.DashboardURL(t.Context(), "i1", plan, "name: d1") }, "https://x", `i1|` + planText + `|name: d1|`},
		"generate-plan-schemas": {func() (any, error) {
			s, err := r.PlanSchema(t.Context(), plan)
			return s.ServiceInstance.Create.Parameters, err
		}, map[string]any{"type": "object"}, `--plan-json|` + planText + `|`},
	} {
		got, err := c.run()
		if err != nil {
			t.Fatalf("%s: %v", subcommand, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", subcommand, diff)
		}
		args, _ := os.ReadFile(r.config.Path + "." + subcommand)
		if diff := cmp.Diff(subcommand+"|"+c.args, string(args)); diff != "" {
			t.Errorf("%s: %s", subcommand, diff)
		}
	}
}

func TestManifestsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ manifest, want string }{
		"not YAML":         {`a: [`, "generated manifest that is not valid YAML"},
		"another name":     {`name: d2`, "with an incorrect deployment name. expected name: 'd1', returned name: 'd2'"},
		"latest release":   {`{name: d1, releases: [{name: a, version: 1.latest}]}`, "with an incorrect version. expected exact version but returned version: '1.latest'"},
		"latest stemcell":  {`{name: d1, stemcells: [{version: latest}]}`, "expected exact version but returned version: 'latest'"},
		"a list":           {`[]`, "that is not valid YAML"},
		"nothing but text": {`hello`, "that is not valid YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRunner(t, `cat > /dev/null; echo '{"manifest":"`+c.manifest+`"}'`)
			_, err := r.GenerateManifest(t.Context(), request())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
		})
	}
}

func TestExitCodesWithAMeaning(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]error{10: ErrNotImplemented, 41: ErrBindingNotFound, 42: ErrAppGUIDNotProvided, 49: ErrBindingAlreadyExists} {
		r := newRunner(t, fmt.Sprintf("cat > /dev/null; exit %d", code))
		if _, err := r.CreateBinding(t.Context(), BindingRequest{}); !errors.Is(err, want) {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestFailureSpeaksToUsersAndOperators(t *testing.T) {
	t.Parallel()
	r := newRunner(t, "cat > /dev/null; echo ' for users '; echo for operators >&2; exit 1")
	err := r.DeleteBinding(t.Context(), BindingRequest{})
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.User != "for users" || !strings.Contains(failed.Operator, "exited with 1 at "+r.config.Path+": stdout: ' for users \n', stderr: 'for operators\n'") {
		t.Errorf("%+v", err)
	}
}

func TestAdaptersThatGoWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"hangs":            {"sleep 600 & wait", "it was ended after 300ms"},
		"dies by a signal": {"kill -9 $$", "signal: killed"},
		"talks too much":   {"cat > /dev/null; head -c 17000000 /dev/zero", "it wrote more than 16777216 bytes"},
		"no JSON":          {"cat > /dev/null; echo '{\"credentials\": \"topsecret'", "its answer is not a binding in JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRunner(t, c.text, func(cfg *Config) {
				if name == "hangs" {
					cfg.Timeout = 300 * time.Millisecond
				}
			})
			_, err := r.CreateBinding(t.Context(), BindingRequest{})
			failed, ok := errors.AsType[*Error](err)
			if !ok || !strings.Contains(err.Error(), c.want) || failed.User != "" || strings.Contains(err.Error(), "topsecret") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAdapterThatIsNotThere(t *testing.T) {
	t.Parallel()
	r := newRunner(t, "", func(c *Config) { c.Path = "/nowhere/adapter" })
	err := r.DeleteBinding(t.Context(), BindingRequest{})
	if err == nil || !strings.HasPrefix(err.Error(), "an error occurred running external service adapter at /nowhere/adapter: delete-binding: ") {
		t.Error(err)
	}
}

func TestRunsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRunner(t, `cat > /dev/null; : > "$0.running"; read _ < "$0.stop"; exit 0`, func(c *Config) { c.MaxInFlight = 1 })
	if err := syscall.Mkfifo(r.config.Path+".running", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(r.config.Path+".stop", 0o600); err != nil {
		t.Fatal(err)
	}
	first := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { first <- r.DeleteBinding(t.Context(), BindingRequest{}) }()
	started, err := os.OpenFile(r.config.Path+".running", os.O_RDONLY, 0) // a pipe: waits for its writer
	if err != nil {
		t.Fatal(err)
	}
	defer started.Close()
	cancel()
	if err := r.DeleteBinding(ctx, BindingRequest{}); err == nil || !strings.Contains(err.Error(), "wait for a running adapter to end") {
		t.Error(err)
	}
	if err := os.WriteFile(r.config.Path+".stop", []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestOtherSubcommands(t *testing.T) {
	t.Parallel()
	r := newRunner(t, `cat > /dev/null; case "$1" in dashboard-url) echo '{"dashboard_url":"https://x"}';; generate-plan-schemas) echo '{"service_instance":{"create":{"parameters":{"type":"object"}}}}';; esac`)
	url, err := r.DashboardURL(t.Context(), "i1", serviceadapter.Plan{}, "name: d1")
	if err != nil || url != "https://x" {
		t.Errorf("%s %v", url, err)
	}
	schema, err := r.PlanSchema(t.Context(), serviceadapter.Plan{})
	if err != nil || schema.ServiceInstance.Create.Parameters["type"] != "object" {
		t.Errorf("%+v %v", schema, err)
	}
}

func FuzzManifestCheck(f *testing.F) {
	f.Add("name: d1\nreleases: [{version: latest}]")
	f.Add("&a [*a, *a]")
	r := New(Config{Path: "adapter", Logger: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, text string) {
		var m struct{ Name string }
		if err := r.check(text, "d1"); err == nil && (yaml.Unmarshal([]byte(text), &m) != nil || m.Name != "d1") {
			t.Errorf("took %q", text)
		}
	})
}
