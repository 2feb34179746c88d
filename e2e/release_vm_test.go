package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/erb"
)

// vm stands for a machine with jobs of the release: a folder that its processes
// have as /var/vcap, in a mount namespace of their own, and a stand-in for monit
// and bpm.
type vm struct {
	t    *testing.T
	vcap string
	jobs map[string]map[string]any // properties by job
}

// monitStandIn starts what the job's bpm.yml says, and keeps the process id where
// bpm does.
const monitStandIn = `#!/bin/bash
set -euo pipefail
run=/var/vcap/sys/run/bpm/$2
running() { [[ -f $run/$2.pid ]] && kill -0 "$(cat "$run/$2.pid")" 2>/dev/null; }
case $1 in
start)
  running "$@" && exit 0
  mapfile -d '' -t command <"$run/command"
  setsid "${command[@]}" </dev/null >>"/var/vcap/sys/log/$2/$2.stdout.log" 2>>"/var/vcap/sys/log/$2/$2.stderr.log" &
  echo $! >"$run/$2.pid"
  ;;
stop)
  running "$@" && kill -TERM "$(cat "$run/$2.pid")"
  ;;
esac
`

// newVM makes a machine with the programs of a package folder.
func newVM(t *testing.T, programs string) *vm {
	t.Helper()
	for _, needed := range []string{"ruby", "unshare"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skipf("there is no %s; tools/setup-tests installs what the tests need", needed)
		}
	}
	v := &vm{t: t, vcap: filepath.Join(t.TempDir(), "vcap"), jobs: map[string]map[string]any{}}
	for _, dir := range []string{"packages/pks", "bosh/bin"} {
		v.mkdir(dir)
	}
	if err := os.Symlink(programs, v.path("packages/pks/bin")); err != nil {
		t.Fatal(err)
	}
	v.write("bosh/bin/monit", []byte(monitStandIn))
	if out, err := v.command(t.Context(), nil, "true").CombinedOutput(); err != nil {
		t.Skipf("this machine gives no mount namespaces: %v: %s", err, out)
	}
	t.Cleanup(v.end)
	return v
}

func (v *vm) path(name string) string { return filepath.Join(v.vcap, name) }

func (v *vm) mkdir(name string) {
	v.t.Helper()
	if err := os.MkdirAll(v.path(name), 0o755); err != nil {
		v.t.Fatal(err)
	}
}

func (v *vm) write(name string, content []byte) {
	v.t.Helper()
	v.mkdir(filepath.Dir(name))
	if err := os.WriteFile(v.path(name), content, 0o755); err != nil {
		v.t.Fatal(err)
	}
}

// command runs a program where the folder is /var/vcap. The namespace has another
// /var, since nobody but root can make /var/vcap in the real one.
func (v *vm) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	flags := []string{"--mount"}
	if os.Geteuid() != 0 {
		flags = append(flags, "--map-root-user")
	}
	const enter = `mount -t tmpfs tmpfs /var && mkdir /var/vcap && mount --bind "$0" /var/vcap && exec "$@"`
	cmd := exec.CommandContext(ctx, "unshare", slices.Concat(flags, []string{"bash", "-c", enter, v.vcap}, args)...)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, env...)
	return cmd
}

// run runs it to its end.
func (v *vm) run(env []string, args ...string) result {
	v.t.Helper()
	return v.runFor(patience, env, args...)
}

// compilePatience is for a package on a busy machine.
const compilePatience = 20 * time.Minute

func (v *vm) runFor(patience time.Duration, env []string, args ...string) result {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.t.Context()), patience)
	defer cancel()
	cmd := v.command(ctx, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		v.t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs it and wants it to succeed.
func (v *vm) must(env []string, args ...string) string {
	v.t.Helper()
	r := v.run(env, args...)
	if r.code != 0 {
		v.t.Fatalf("%v: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

func script(job, name string) string { return filepath.Join("/var/vcap/jobs", job, "bin", name) }

func (v *vm) monit(verb, job string) {
	v.t.Helper()
	v.must(nil, "/var/vcap/bosh/bin/monit", verb, job)
}

// deploy renders the jobs with the links between them, and those of others.
func (v *vm) deploy(jobs map[string]map[string]any, others map[string]erb.Link) {
	v.t.Helper()
	maps.Copy(v.jobs, jobs)
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		dir := filepath.Join("..", "jobs", name)
		in := erb.Input{Properties: jobs[name], Links: v.links(dir, others), Spec: map[string]any{
			"name": "pivotal-container-service", "deployment": "pks", "index": 0, "bootstrap": true, "address": "127.0.0.1",
		}}
		files, err := erb.Render(v.t.Context(), dir, in)
		if err != nil {
			v.t.Fatal(err)
		}
		for target, content := range files {
			v.write(filepath.Join("jobs", name, target), content)
		}
		for _, dir := range []string{"sys/log", "sys/run", "sys/run/bpm", "data", "store"} {
			v.mkdir(filepath.Join(dir, name))
		}
		if text, ok := files["config/bpm.yml"]; ok {
			v.write(filepath.Join("sys/run/bpm", name, "command"), commandOf(v.t, text))
		}
	}
}

// commandOf is the command line of bpm.yml, with a zero byte behind each part.
func commandOf(t *testing.T, text []byte) []byte {
	t.Helper()
	var bpm struct {
		Processes []struct {
			Executable string   `yaml:"executable"`
			Args       []string `yaml:"args"`
		} `yaml:"processes"`
	}
	if err := yaml.Unmarshal(text, &bpm); err != nil {
		t.Fatal(err)
	}
	p := bpm.Processes[0]
	return []byte(strings.Join(append([]string{p.Executable}, p.Args...), "\x00") + "\x00")
}

// links are what a job of the machine consumes of the others.
func (v *vm) links(dir string, others map[string]erb.Link) map[string]erb.Link {
	v.t.Helper()
	links := maps.Clone(others)
	if links == nil {
		links = map[string]erb.Link{}
	}
	consumer, err := erb.ReadJob(dir)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, wanted := range consumer.Consumes {
		for name, properties := range v.jobs {
			provider, err := erb.ReadJob(filepath.Join("..", "jobs", name))
			if err != nil {
				v.t.Fatal(err)
			}
			for _, offered := range provider.Provides {
				if offered.Type == wanted.Type {
					address := "127.0.0.1"
					links[wanted.Name] = erb.Link{Properties: provider.Link(offered.Name, properties), Address: &address}
				}
			}
		}
	}
	return links
}

// pid is the process of a job, 0 for none.
func (v *vm) pid(job string) int {
	text, err := os.ReadFile(v.path(fmt.Sprintf("sys/run/bpm/%s/%s.pid", job, job)))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// end kills what was started.
func (v *vm) end() {
	for job := range v.jobs {
		if v.t.Failed() {
			for _, log := range []string{"stdout", "stderr"} {
				text, _ := os.ReadFile(v.path(fmt.Sprintf("sys/log/%s/%s.%s.log", job, job, log)))
				v.t.Logf("%s of %s:\n%s", log, job, text[max(0, len(text)-4000):])
			}
		}
		if pid := v.pid(job); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
