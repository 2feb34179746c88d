package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pks-community/pks-release/src/local/erb"
	"github.com/pks-community/pks-release/src/local/machine"
)

// maxOutput is what an agent hands on; more is an error
// (reference/bosh-release.md §8).
const maxOutput = 1 << 20

// Beginnings of the names of folders that are there for a while.
const (
	errandPrefix  = ".errand-"
	compilePrefix = ".compile-"
)

// Runner runs errands of releases in the library.
type Runner struct {
	library  *Library
	compiler *compiler
	program  string
	dir      string
}

// NewRunner makes one that works below a folder. program is the path of the program
// that calls Main.
func NewRunner(library *Library, dir, program string) (*Runner, error) {
	compiled := filepath.Join(dir, "compiled")
	if err := os.MkdirAll(compiled, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of compiled packages: %w", err)
	}
	for _, pattern := range []string{filepath.Join(dir, errandPrefix+"*"), filepath.Join(compiled, compilePrefix+"*")} {
		left, err := filepath.Glob(pattern) // of a program that was killed
		for _, work := range left {
			err = errors.Join(err, removeAll(work))
		}
		if err != nil {
			return nil, fmt.Errorf("clean the folder of errands: %w", err)
		}
	}
	return &Runner{
		library: library, program: program, dir: dir,
		compiler: &compiler{program: program, dir: compiled, locks: map[string]*sync.Mutex{}},
	}, nil
}

// Run runs bin/run of a job on a machine that the specification describes: packages
// compiled, templates rendered, /var/vcap its own. ErrNotKept if the library has no
// archive of the job's release. When ctx ends the run is ended with SIGTERM and its
// result returned.
func (r *Runner) Run(ctx context.Context, spec machine.Spec, job string) (machine.ErrandResult, error) {
	j, ok := spec.Job(job)
	if !ok {
		return machine.ErrandResult{}, fmt.Errorf("machine %s has no job %s", spec.ID, job)
	}
	archive, err := r.library.open(j.Release, j.Version)
	if err != nil {
		return machine.ErrandResult{}, err
	}
	defer func() { _ = archive.Close() }()
	result, err := r.run(ctx, spec, j, archive)
	switch {
	case err != nil && ctx.Err() != nil: // while it was made ready
		return machine.ErrandResult{ExitCode: terminated}, nil
	case err != nil:
		return result, fmt.Errorf("errand %s: %w", job, err)
	}
	return result, nil
}

func (r *Runner) run(ctx context.Context, spec machine.Spec, job machine.Job, archive *os.File) (result machine.ErrandResult, err error) {
	work, err := os.MkdirTemp(r.dir, errandPrefix)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, removeAll(work)) }() // there are secrets in it
	source, root := filepath.Join(work, "job"), filepath.Join(work, "vcap")
	m, err := unpack(archive, job.Name, source)
	if err != nil {
		return result, err
	}
	described, err := erb.ReadJob(source)
	if err != nil {
		return result, err
	}
	files, err := erb.Render(ctx, source, input(spec, job))
	if err != nil {
		return result, err
	}
	if err := r.layOut(root, spec, job.Name, files); err != nil {
		return result, err
	}
	packages := compilation{r.compiler, r.library, m}
	for _, name := range described.Packages {
		dir, err := packages.compile(ctx, name)
		if err != nil {
			return result, err
		}
		if err := os.Symlink(dir, filepath.Join(root, "packages", name)); err != nil {
			return result, err
		}
	}
	s := sandbox{program: r.program, vcap: root, network: true, env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}}
	o, err := s.run(ctx, filepath.Join(vcap, "jobs", job.Name, "bin", "run"))
	if err != nil {
		return result, err
	}
	if o.stdout.total+o.stderr.total > maxOutput {
		return result, fmt.Errorf("its output is larger than %d MiB", maxOutput>>20)
	}
	logs, err := readLogs(filepath.Join(root, "sys", "log"))
	return machine.ErrandResult{ExitCode: o.code, Stdout: string(o.stdout.kept), Stderr: string(o.stderr.kept), Logs: logs}, err
}

// terminated is the exit code of what SIGTERM has ended.
const terminated = 143

// layOut writes what an agent does (reference/bosh-release.md §4.5). Where the
// machine has the job bpm, a stand-in is in its place.
func (r *Runner) layOut(root string, spec machine.Spec, job string, files map[string][]byte) error {
	for _, dir := range []string{"packages", "jobs", "store", "data/" + job, "sys/log/" + job, "sys/run/" + job} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for target, content := range files {
		mode := fs.FileMode(0o640)
		if strings.HasPrefix(target, "bin/") {
			mode = 0o750
		}
		if err := writeFile(filepath.Join(root, "jobs", job, target), content, mode); err != nil {
			return err
		}
	}
	if _, ok := spec.Job("bpm"); !ok {
		return nil
	}
	script := fmt.Sprintf("#!/bin/bash\nexec %s %s %s \"$@\"\n", quoted(r.program), Command, roleBPM)
	return writeFile(filepath.Join(root, "jobs", "bpm", "bin", "bpm"), []byte(script), 0o750)
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func writeFile(path string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, mode)
}

// readLogs reads what is below sys/log, by path.
func readLogs(dir string) (map[string]string, error) {
	logs := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		logs[filepath.ToSlash(name)] = string(text)
		return err
	})
	return logs, err
}

// input is what the templates of a job are told.
func input(spec machine.Spec, job machine.Job) erb.Input {
	networks := map[string]any{}
	for _, n := range spec.Networks {
		networks[n.Name] = map[string]any{"ip": n.IP.String(), "gateway": n.Gateway, "dns": n.DNS, "type": "manual"}
	}
	ip := ""
	if len(spec.IPs) > 0 {
		ip = spec.IPs[0].String()
	}
	in := erb.Input{Properties: job.Properties, Links: map[string]erb.Link{}, Spec: map[string]any{
		"name": spec.Group, "deployment": spec.Deployment, "az": spec.AZ, "index": spec.Index, "bootstrap": spec.Bootstrap,
		"id": spec.ID, "address": spec.Address, "ip": ip, "networks": networks, "persistent_disk": spec.PersistentDiskMB,
		"release": map[string]any{"name": job.Release, "version": job.Version},
	}}
	for name, link := range job.Links {
		taken := erb.Link{Properties: link.Properties}
		if link.Address != "" {
			taken.Address = &link.Address
		}
		for _, i := range link.Instances {
			taken.Instances = append(taken.Instances, map[string]any{
				"name": i.Name, "id": i.ID, "index": i.Index, "az": i.AZ, "address": i.Address, "bootstrap": i.Bootstrap,
			})
		}
		in.Links[name] = taken
	}
	return in
}
