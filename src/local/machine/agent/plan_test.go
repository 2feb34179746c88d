package agent_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

func withFiles(name string, files ...agent.File) agent.Job {
	return agent.Job{Name: name, Files: files}
}

// tree lists the files below dir with their modes and contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, path)
		if err != nil || below == "." {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.IsDir() {
			found[below] = "folder"
			return nil
		}
		data, err := os.ReadFile(path)
		found[below] = info.Mode().String() + " " + string(data)
		return err
	}))
	return found
}

func TestApplyWritesFilesAndRemovesThoseOfEarlierPlans(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	ctx := testContext(t)
	jobs := a.path("vcap/jobs")
	etcd := withFiles("etcd",
		agent.File{Path: jobs + "/etcd/config/etcd.yml", Mode: 0o644, Content: []byte("a")},
		agent.File{Path: jobs + "/etcd/config/key", Mode: 0o600, Content: []byte("secret")},
	)
	old := withFiles("old", agent.File{Path: jobs + "/old/bin/run", Mode: 0o755, Content: []byte("#!")})
	must(t, a.Apply(ctx, agent.Plan{Jobs: []agent.Job{etcd, old}}))
	want := map[string]string{
		"etcd": "folder", "etcd/config": "folder", "etcd/config/etcd.yml": "-rw-r--r-- a", "etcd/config/key": "-rw------- secret",
		"old": "folder", "old/bin": "folder", "old/bin/run": "-rwxr-xr-x #!",
	}
	if diff := cmp.Diff(want, tree(t, jobs)); diff != "" {
		t.Errorf("first plan (-want +got):\n%s", diff)
	}

	// What processes wrote themselves stays.
	must(t, os.WriteFile(jobs+"/etcd/state", []byte("s"), 0o600))
	etcd.Files = []agent.File{{Path: jobs + "/etcd/config/etcd.yml", Mode: 0o600, Content: []byte("b")}}
	for range 2 {
		must(t, a.Apply(ctx, agent.Plan{Jobs: []agent.Job{etcd}}))
	}
	want = map[string]string{
		"etcd": "folder", "etcd/config": "folder", "etcd/config/etcd.yml": "-rw------- b", "etcd/state": "-rw------- s",
	}
	if diff := cmp.Diff(want, tree(t, jobs)); diff != "" {
		t.Errorf("second plan (-want +got):\n%s", diff)
	}
}

func TestApplyIsRefused(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	command := agent.Command{Args: []string{"true"}}
	for name, c := range map[string]struct {
		plan agent.Plan
		want string
	}{
		"path outside":     {agent.Plan{Jobs: []agent.Job{withFiles("j", agent.File{Path: "/etc/passwd"})}}, "outside the machine's folder"},
		"path with dots":   {agent.Plan{Jobs: []agent.Job{withFiles("j", agent.File{Path: a.dir + "/../x"})}}, "without detours"},
		"relative path":    {agent.Plan{Jobs: []agent.Job{withFiles("j", agent.File{Path: "x"})}}, "absolute"},
		"job twice":        {agent.Plan{Jobs: []agent.Job{{Name: "j"}, {Name: "j"}}}, `job "j"`},
		"process twice":    {plan(agent.Process{Name: "p", Command: command}, agent.Process{Name: "p", Command: command}), `process "p"`},
		"no command":       {plan(agent.Process{Name: "p"}), "no command"},
		"two-fold probe":   {plan(agent.Process{Name: "p", Command: command, Ready: &agent.Probe{TCP: "a:1", File: "/x"}}), "exactly one"},
		"probe for naught": {plan(agent.Process{Name: "p", Command: command, Ready: &agent.Probe{}}), "exactly one"},
	} {
		err := a.Apply(testContext(t), c.plan)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Error(err)
	}
}

func TestApplyIsRefusedWhileProcessesRun(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	ctx := testContext(t)
	must(t, a.Apply(ctx, plan(agent.Process{Name: "p", Command: sh("exec sleep 1000")})))
	must(t, a.Start(ctx))
	if err := a.Apply(ctx, agent.Plan{}); err == nil || !strings.Contains(err.Error(), "stop them first") {
		t.Errorf("error %v", err)
	}
	must(t, a.Stop(ctx))
	must(t, a.Apply(ctx, agent.Plan{}))
}

func TestApplyFailsWhenAFileCannotBeWritten(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	must(t, os.WriteFile(a.path("file"), nil, 0o600))
	job := withFiles("j", agent.File{Path: a.path("file/below"), Mode: 0o600})
	if err := a.Apply(testContext(t), agent.Plan{Jobs: []agent.Job{job}}); err == nil || !strings.Contains(err.Error(), "job j") {
		t.Errorf("error %v does not name the job", err)
	}
}
