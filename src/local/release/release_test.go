package release_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/erb"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/release"
)

// The test program is its own part.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == release.Command {
		os.Exit(release.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// tgz packs files, those below bin/ and called run as programs.
func tgz(t *testing.T, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for name, content := range files {
		if err := archive.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const jobSpec = `
name: tell
templates: {run.erb: bin/run, bpm.yml.erb: config/bpm.yml}
packages: [teller]
consumes: [{name: friend, type: friend, optional: true}]
properties:
  word: {default: nothing}
  code: {default: 0}
  wait: {default: false}
  flood: {default: 0}
`

const runTemplate = `#!/bin/bash
set -eu
<% if_link('friend') { |l| %>echo "friend <%= l.p('name') %> at <%= l.address %> of <%= l.instances.length %>"<% } %>
exec /var/vcap/jobs/bpm/bin/bpm run tell
`

const bpmTemplate = `<%= JSON.pretty_generate('processes' => [{
  'name' => 'tell', 'executable' => '/var/vcap/packages/teller/bin/teller', 'args' => [p('word'), p('code').to_s, p('wait').to_s, p('flood').to_s],
  'env' => {'GREETING' => "it's"}, 'limits' => {'memory' => '1G'}}]) %>`

// The program tells what it sees; compiling it tells what compiling sees.
const tellerPackaging = `set -eu
mkdir -p "$BOSH_INSTALL_TARGET/bin"
cp teller "$BOSH_INSTALL_TARGET/bin/teller"
chmod +x "$BOSH_INSTALL_TARGET/bin/teller"
cat /var/vcap/packages/base/words >> "$BOSH_INSTALL_TARGET/words"
{ env | cut -d= -f1 | sort | tr '\n' ' '; pwd; echo routes $(grep -vc Iface /proc/net/route || true); } > "$BOSH_INSTALL_TARGET/circumstances"
`

const tellerProgram = `#!/bin/bash
echo "$GREETING $1 $(cat /var/vcap/packages/teller/words)"
cat /var/vcap/packages/teller/circumstances
echo "in $PWD as $HOME" >&2
if [[ $3 == true ]]; then
  trap 'echo ended; exit 7' TERM
  echo waiting
  touch /var/vcap/packages/teller/started
  while :; do read -t 0.05 <> <(:) || :; done
fi
if (($4 > 0)); then head -c "$4" /dev/zero | tr '\0' x; fi
exit "$2"
`

func manifest(version string) string {
	return fmt.Sprintf(`
name: tiny
version: %q
jobs: [{name: tell, fingerprint: j1, packages: [teller]}]
packages:
- {name: teller, fingerprint: p1, dependencies: [base]}
- {name: base, fingerprint: p2}
`, version)
}

// tiny is a small release; files replace or add members.
func tiny(t *testing.T, files map[string]string) string {
	t.Helper()
	all := map[string]string{
		"release.MF":    manifest("1.0"),
		"jobs/tell.tgz": tgz(t, map[string]string{"job.MF": jobSpec, "monit": "", "templates/run.erb": runTemplate, "templates/bpm.yml.erb": bpmTemplate}),
		"packages/teller.tgz": tgz(t, map[string]string{
			"packaging": tellerPackaging, "teller": tellerProgram,
		}),
		"packages/base.tgz": tgz(t, map[string]string{"packaging": "echo of base > \"$BOSH_INSTALL_TARGET/words\"; sleep 0"}),
	}
	for name, content := range files {
		all[name] = content
	}
	return tgz(t, all)
}

type world struct {
	*testing.T
	dir     string
	library *release.Library
	runner  *release.Runner
}

func newWorld(t *testing.T) world {
	t.Helper()
	if _, err := exec.LookPath("ruby"); err != nil {
		t.Skip("templates are rendered by ruby, which is not installed; tools/setup-tests installs it")
	}
	dir := t.TempDir()
	library, err := release.OpenLibrary(filepath.Join(dir, "releases"))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runner, err := release.NewRunner(library, filepath.Join(dir, "errands"), program)
	if err != nil {
		t.Fatal(err)
	}
	return world{t, dir, library, runner}
}

func (w world) keep(archive, version string) {
	w.Helper()
	in, err := w.library.Receive(strings.NewReader(archive))
	if err != nil {
		w.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		w.Fatal(err)
	}
	id, err := in.Finish()
	if err == nil {
		err = w.library.Keep(id, "tiny", version)
	}
	if err != nil {
		w.Fatal(err)
	}
}

func spec(properties map[string]any, links map[string]machine.Link) machine.Spec {
	return machine.Spec{
		Deployment: "d", Group: "g", ID: "6c3c2b8c-9df1-4a1a-8b2e-0d1b6a3a6b44", IPs: []netip.Addr{netip.MustParseAddr("127.77.0.2")},
		Jobs: []machine.Job{
			{Name: "tell", Release: "tiny", Version: "1.0", Properties: properties, Links: links, Errand: true},
			{Name: "bpm", Release: "bpm", Version: "1"},
		},
	}
}

// run runs the errand; a computer that refuses namespaces skips the test.
func (w world) run(ctx context.Context, s machine.Spec) (machine.ErrandResult, error) {
	w.Helper()
	result, err := w.runner.Run(ctx, s, "tell")
	if err != nil && strings.Contains(err.Error(), "which this computer refuses") {
		w.Skip(err)
	}
	return result, err
}

func TestAnErrandRunsAsOnAMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.keep(tiny(t, nil), "1.0")
	friend := machine.Link{Name: "friend", Type: "friend", Address: "q-s0.x.bosh", Properties: map[string]any{"name": "Ann"}, Instances: make([]machine.LinkInstance, 2)}
	got, err := w.run(t.Context(), spec(map[string]any{"word": "a 'b' $(c)", "code": 3}, map[string]machine.Link{"friend": friend}))
	if err != nil {
		t.Fatal(err)
	}
	stdout := "it's a 'b' $(c) of base\n" +
		// nothing of the environment, and a network that leads nowhere
		"BOSH_COMPILE_TARGET BOSH_INSTALL_TARGET BOSH_PACKAGE_NAME BOSH_PACKAGE_VERSION PATH PWD SHLVL _ /var/vcap/data/compile/teller\nroutes 0\n"
	want := machine.ErrandResult{
		ExitCode: 3,
		Stdout:   "friend Ann at q-s0.x.bosh of 2\n" + stdout,
		Stderr:   "in /var/vcap/jobs/tell as /var/vcap/data/tell\n",
		Logs:     map[string]string{"tell/tell.stdout.log": stdout, "tell/tell.stderr.log": "in /var/vcap/jobs/tell as /var/vcap/data/tell\n"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if left, err := filepath.Glob(filepath.Join(w.dir, "errands", ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPackagesAreCompiledOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.keep(tiny(t, nil), "1.0")
	for range 2 {
		if _, err := w.run(t.Context(), spec(nil, nil)); err != nil {
			t.Fatal(err)
		}
	}
	// The next release's packages have other contents, but the same fingerprints.
	broken := tgz(t, map[string]string{"packaging": "exit 1"})
	w.keep(tiny(t, map[string]string{"packages/teller.tgz": broken, "packages/base.tgz": broken}), "1.0")
	if _, err := w.run(t.Context(), spec(nil, nil)); err != nil {
		t.Error(err)
	}
	compiled, err := filepath.Glob(filepath.Join(w.dir, "errands", "compiled", "*"))
	if err != nil || len(compiled) != 2 {
		t.Errorf("%v, %v", compiled, err)
	}
}

func TestAnErrandThatIsCancelledIsToldTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.keep(tiny(t, nil), "1.0")
	if _, err := w.run(t.Context(), spec(nil, nil)); err != nil { // compiled
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		defer cancel()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if found, _ := filepath.Glob(filepath.Join(w.dir, "errands", "compiled", "teller-*", "started")); len(found) > 0 {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	got, err := w.run(ctx, spec(map[string]any{"wait": true}, nil))
	if err != nil || got.ExitCode != 7 || !strings.HasSuffix(got.Stdout, "waiting\nended\n") {
		t.Errorf("%+v, %v", got, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if got, err := w.run(ended, spec(nil, nil)); err != nil || got.ExitCode != 143 {
		t.Errorf("before it began: %+v, %v", got, err)
	}
}

func TestWhatCannotRunSaysWhy(t *testing.T) {
	t.Parallel()
	job := func(changes map[string]string) string {
		files := map[string]string{"job.MF": jobSpec, "monit": "", "templates/run.erb": runTemplate, "templates/bpm.yml.erb": bpmTemplate}
		for name, content := range changes {
			files[name] = content
		}
		return tgz(t, files)
	}
	for name, test := range map[string]struct {
		files      map[string]string
		properties map[string]any
		want       string
	}{
		"template fails":    {map[string]string{"jobs/tell.tgz": job(map[string]string{"templates/run.erb": "<%= p('nope') %>"})}, nil, "Can't find property 'nope'"},
		"compiling fails":   {map[string]string{"packages/base.tgz": tgz(t, map[string]string{"packaging": "echo no compiler >&2; exit 4"})}, nil, "compile package base: the packaging script ended with 4: + echo no compiler"},
		"no packaging":      {map[string]string{"packages/base.tgz": tgz(t, map[string]string{"a": ""})}, nil, "compile package base: it has no packaging script"},
		"package is absent": {map[string]string{"packages/base.tgz": "nonsense"}, nil, "compile package base: read archive"},
		"unknown package":   {map[string]string{"release.MF": "name: tiny\nversion: '1.0'\n"}, nil, "the release has no package teller"},
		"cycle": {map[string]string{"release.MF": "name: tiny\nversion: '1.0'\npackages: [{name: teller, dependencies: [base]}, {name: base, dependencies: [teller]}]"}, nil,
			"its dependencies lead back to it"},
		"outside":      {map[string]string{"packages/base.tgz": tgz(t, map[string]string{"../../../../escaped": "x", "packaging": "exit 5"})}, nil, "ended with 5"},
		"job absent":   {map[string]string{"jobs/tell.tgz": "nonsense"}, nil, "read archive"},
		"much to tell": {nil, map[string]any{"flood": 2 << 20}, "its output is larger than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.keep(tiny(t, test.files), "1.0")
			if got, err := w.run(t.Context(), spec(test.properties, nil)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v, %v, want %s", got, err, test.want)
			}
			if escaped, _ := filepath.Glob(filepath.Join(w.dir, "escaped")); len(escaped) > 0 {
				t.Error("an archive wrote beside its folder")
			}
		})
	}
	w := newWorld(t)
	if _, err := w.run(t.Context(), spec(nil, nil)); !errors.Is(err, release.ErrNotKept) {
		t.Error(err)
	}
	w.keep(tiny(t, nil), "1.0")
	alone := spec(nil, nil)
	alone.Jobs = alone.Jobs[:1]
	if got, err := w.run(t.Context(), alone); err != nil || got.ExitCode != 127 || !strings.Contains(got.Stderr, "/var/vcap/jobs/bpm/bin/bpm") {
		t.Errorf("without bpm: %+v, %v", got, err)
	}
	if err := w.library.Remove("tiny", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.run(t.Context(), spec(nil, nil)); !errors.Is(err, release.ErrNotKept) {
		t.Error(err)
	}
}

func TestTemplatesAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if faults, err := w.runner.CheckTemplates(t.Context(), []machine.Spec{spec(nil, nil)}); err != nil || faults != nil {
		t.Errorf("nothing is kept: %v, %v", faults, err)
	}
	w.keep(tiny(t, map[string]string{"jobs/tell.tgz": tgz(t, map[string]string{
		"job.MF": jobSpec, "monit": "", "templates/run.erb": "a\n<%= p('word').upcase %>", "templates/bpm.yml.erb": "<%= p('nope') if spec.index == 1 %>",
	})}), "1.0")
	good, second, third := spec(map[string]any{"word": "x"}, nil), spec(map[string]any{"word": "x"}, nil), spec(map[string]any{"word": 3}, nil)
	second.Index, third.Group = 1, "h"
	faults, err := w.runner.CheckTemplates(t.Context(), []machine.Spec{good, second, third})
	want := []release.TemplateFault{
		{Group: "g", Job: "tell", Messages: []string{"Error filling in template 'bpm.yml.erb' (line 1: Can't find property 'nope')"}},
		{Group: "h", Job: "tell", Messages: []string{"Error filling in template 'run.erb' (line 2: undefined method `upcase' for 3:Integer)"}},
	}
	if diff := cmp.Diff(want, faults, cmp.Transformer("words", rubyWords)); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
}

// rubyWords leaves out how the version of Ruby puts its own errors.
func rubyWords(f release.TemplateFault) string {
	text, _, _ := strings.Cut(strings.Join(f.Messages, ";"), "undefined method")
	return f.Group + "/" + f.Job + ": " + text
}

func TestWithoutRubyNothingIsRendered(t *testing.T) {
	w := newWorld(t)
	w.keep(tiny(t, nil), "1.0")
	t.Setenv("PATH", "")
	if _, err := w.run(t.Context(), spec(nil, nil)); !errors.Is(err, erb.ErrNoRuby) || !strings.Contains(err.Error(), "install the program ruby") {
		t.Error(err)
	}
}

func TestBPMStandsInForRunsAlone(t *testing.T) {
	t.Parallel()
	if code := release.Main([]string{"bpm", "start", "tell"}); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if code := release.Main(nil); code != 1 {
		t.Errorf("exit code %d", code)
	}
}

func TestLibraryKeepsNoOddNames(t *testing.T) {
	t.Parallel()
	library, err := release.OpenLibrary(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "..", "a/b", ".a"} {
		if err := library.Keep("x", name, "1"); err == nil {
			t.Errorf("release %q was kept", name)
		}
		if err := library.Keep("x", "a", name); err == nil {
			t.Errorf("version %q was kept", name)
		}
	}
	in, err := library.Receive(strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := in.Finish()
	if err == nil {
		err = errors.Join(library.Drop(id), library.Drop(id))
	}
	if err != nil {
		t.Error(err)
	}
	if err := library.Keep(id, "a", "1"); err == nil {
		t.Error("what was dropped was kept")
	}
}
