package jobs

import (
	"fmt"
	"maps"
	"path"
	"strconv"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// template renders one job. It remembers errors, so that a job's template reads without a check per
// line; with any of them nothing of the rendered job is used.
type template struct {
	Environment
	spec  machine.Spec
	job   machine.Job
	minor int
	told  *told
	out   agent.Job
	errs  []error
}

// Permission bits of a job's files.
const (
	modePublic = 0o644
	modeSecret = 0o600
	modeScript = 0o755
)

func (t *template) fail(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf("job %s: "+format, append([]any{t.job.Name}, args...)...))
}

// warn takes the rest of a sentence that begins with the job's name.
func (t *template) warn(format string, args ...any) {
	t.told.add("Job " + t.job.Name + ": " + fmt.Sprintf(format, args...) + ".")
}

// dir is a path in the job's folder.
func (t *template) dir(elements ...string) string {
	return path.Join(append([]string{t.Vcap, "jobs", t.job.Name}, elements...)...)
}

func (t *template) config(name string) string { return t.dir("config", name) }

// log is the path of the process's log file.
func (t *template) log(process string) string {
	return path.Join(t.Vcap, "sys", "log", t.job.Name, process+".log")
}

// file adds a file and returns its path.
func (t *template) file(at string, mode uint32, content string) string {
	t.out.Files = append(t.out.Files, agent.File{Path: at, Mode: mode, Content: []byte(content)})
	return at
}

// configFile adds a file that everyone may read to the job's config folder.
func (t *template) configFile(name, content string) string {
	return t.file(t.config(name), modePublic, content)
}

// secretFile adds one for the job alone.
func (t *template) secretFile(name, content string) string {
	return t.file(t.config(name), modeSecret, content)
}

// document adds a value as a YAML file. Structures may hold secrets, so only the job reads them.
func (t *template) document(name string, value any) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		t.fail("write %s: %w", name, err)
	}
	return t.secretFile(name, string(text))
}

// script adds one of the scripts to the job's bin folder under the name that it has in a BOSH job.
func (t *template) script(source, name string) string {
	text, err := scripts.ReadFile("scripts/" + source)
	if err != nil {
		t.fail("script %s: %w", source, err)
	}
	return t.file(t.dir("bin", name), modeScript, string(text))
}

// environment is what every process and script of the job gets, with more added.
func (t *template) environment(more map[string]string) map[string]string {
	env := map[string]string{
		"PATH": t.search(), "HOME": path.Join(t.Vcap, "data", t.job.Name),
		"JOB": t.dir(),
	}
	maps.Copy(env, more)
	return env
}

// hook makes one of the scripts a hook of the job. patience is how long it waits for what it needs, to the
// second; what it does then is bounded too. A hook without patience may take as long as it likes.
func (t *template) hook(when machine.Script, source string, patience time.Duration, env map[string]string) {
	if t.out.Hooks == nil {
		t.out.Hooks = map[machine.Script]agent.Command{}
	}
	c := agent.Command{Args: []string{t.script(source, string(when))}, Env: t.environment(env)}
	if patience > 0 {
		c.Env["PATIENCE"] = strconv.Itoa(int(patience.Seconds()))
		c.Timeout = patience + time.Minute
	}
	t.out.Hooks[when] = c
}

// errand makes one of the scripts the job's errand.
func (t *template) errand(source string, timeout time.Duration, env map[string]string) {
	t.out.Errand = &agent.Command{Args: []string{t.script(source, "run")}, Env: t.environment(env), Timeout: timeout}
}

// process adds a monitored process.
func (t *template) process(name string, args []string, env map[string]string, ready *agent.Probe, stop time.Duration) {
	t.out.Processes = append(t.out.Processes, agent.Process{
		Name: name, Command: agent.Command{Args: args, Env: t.environment(env)},
		Log: t.log(name), Ready: ready, StopTimeout: stop,
	})
}
