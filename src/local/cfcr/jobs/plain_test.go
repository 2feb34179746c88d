package jobs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// plain runs plans as plain processes, one folder per machine: simulated machines without their agent.
type plain struct {
	*testing.T
	dir     string
	hosts   string
	version string
	specs   []machine.Spec
	running map[string]*exec.Cmd
}

func (p *plain) environment(spec machine.Spec) jobs.Environment {
	return jobs.Environment{
		Simulated: true, Vcap: p.vcap(spec), Address: spec.IPs[0], Kubernetes: p.version, APIBalancer: p.master() + ":8443",
	}
}

func (p *plain) vcap(spec machine.Spec) string {
	return filepath.Join(p.dir, fmt.Sprintf("%s-%d", spec.Group, spec.Index))
}

func (p *plain) master() string {
	for _, spec := range p.specs {
		if spec.Group == "master" {
			return spec.IPs[0].String()
		}
	}
	return ""
}

// apply lays a machine's files out.
func (p *plain) apply(spec machine.Spec) agent.Plan {
	p.Helper()
	plan, _, err := jobs.Render(spec, p.environment(spec))
	if err != nil {
		p.Fatal(err)
	}
	for name, dir := range packages(p.T) {
		if name == "kubernetes-"+p.version {
			name = "kubernetes"
		}
		link := filepath.Join(p.vcap(spec), "packages", name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			p.Fatal(err)
		}
		if err := os.Symlink(dir, link); err != nil && !errors.Is(err, fs.ErrExist) {
			p.Fatal(err)
		}
	}
	for _, job := range plan.Jobs {
		for _, file := range job.Files {
			if err := os.MkdirAll(filepath.Dir(file.Path), 0o755); err != nil {
				p.Fatal(err)
			}
			if err := os.WriteFile(file.Path, file.Content, fs.FileMode(file.Mode)); err != nil {
				p.Fatal(err)
			}
		}
	}
	var hosts bytes.Buffer
	for name, addresses := range jobs.Hosts(spec, p.environment(spec), func(netip.Addr) bool { return true }) {
		for _, a := range addresses {
			fmt.Fprintf(&hosts, "%s %s\n", a, name)
		}
	}
	if err := os.WriteFile(p.hosts, hosts.Bytes(), 0o644); err != nil {
		p.Fatal(err)
	}
	return plan
}

func (p *plain) command(c agent.Command) *exec.Cmd {
	ctx := context.WithoutCancel(p.Context())
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env = append(os.Environ(), "PKS_HOSTS_FILE="+p.hosts)
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		cmd.Env = append(cmd.Env, name+"="+c.Env[name])
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (p *plain) hook(plan agent.Plan, when machine.Script, next machine.Next) {
	p.Helper()
	for _, job := range plan.Jobs {
		c, has := job.Hooks[when]
		if !has {
			continue
		}
		cmd := p.command(c)
		for name, value := range next.Environment() {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		began := time.Now()
		out, err := cmd.CombinedOutput()
		p.Logf("%s of %s took %s: %s", when, job.Name, time.Since(began).Round(10*time.Millisecond), out)
		if err != nil {
			p.Fatalf("%s of %s: %v\n%s", when, job.Name, err, out)
		}
	}
}

// start starts the processes in order, each when the one before it serves.
func (p *plain) start(plan agent.Plan) {
	p.Helper()
	for _, job := range plan.Jobs {
		for _, process := range job.Processes {
			if err := os.MkdirAll(filepath.Dir(process.Log), 0o755); err != nil {
				p.Fatal(err)
			}
			log, err := os.OpenFile(process.Log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
			if err != nil {
				p.Fatal(err)
			}
			cmd := p.command(process.Command)
			cmd.Stdout, cmd.Stderr = log, log
			if err := cmd.Start(); err != nil {
				p.Fatal(err)
			}
			_ = log.Close()
			p.running[process.Log] = cmd
			began := time.Now()
			p.ready(process)
			p.Logf("%s serves after %s", process.Name, time.Since(began).Round(10*time.Millisecond))
		}
	}
}

func (p *plain) ready(process agent.Process) {
	p.Helper()
	client := &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
	}
	serves := func() bool {
		switch probe := process.Ready; {
		case probe.TCP != "":
			conn, err := net.Dial("tcp", probe.TCP)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		default:
			response, err := client.Get(probe.HTTPS + probe.HTTP)
			if err == nil {
				_ = response.Body.Close()
			}
			return err == nil && response.StatusCode == http.StatusOK
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(90 * time.Second)
	for !serves() {
		select {
		case <-tick.C:
		case <-limit:
			text, _ := os.ReadFile(process.Log)
			p.Fatalf("%s does not serve:\n%s", process.Name, text[max(0, len(text)-4000):])
		}
	}
}

// stop stops a machine's processes in reverse order.
func (p *plain) stop(plan agent.Plan) {
	p.Helper()
	for _, job := range slices.Backward(plan.Jobs) {
		for _, process := range slices.Backward(job.Processes) {
			cmd := p.running[process.Log]
			if cmd == nil {
				continue
			}
			delete(p.running, process.Log)
			_ = cmd.Process.Signal(syscall.SIGTERM)
			timer := time.AfterFunc(process.StopTimeout, func() { _ = cmd.Process.Kill() })
			_ = cmd.Wait()
			timer.Stop()
		}
	}
}

func (p *plain) kill() {
	for _, cmd := range p.running {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
}

// up brings a machine up as the Director would.
func (p *plain) up(spec machine.Spec) agent.Plan {
	p.Helper()
	plan := p.apply(spec)
	p.hook(plan, machine.PreStart, machine.Stay)
	p.start(plan)
	p.hook(plan, machine.PostStart, machine.Stay)
	return plan
}

func (p *plain) errand(plan agent.Plan, job string) string {
	p.Helper()
	for _, j := range plan.Jobs {
		if j.Name == job {
			began := time.Now()
			out, err := p.command(*j.Errand).CombinedOutput()
			p.Logf("%s took %s", job, time.Since(began).Round(10*time.Millisecond))
			if err != nil {
				p.Fatalf("%s: %v\n%s", job, err, out)
			}
			return string(out)
		}
	}
	p.Fatalf("no errand %s", job)
	return ""
}

func (p *plain) group(name string) []machine.Spec {
	return slices.DeleteFunc(slices.Clone(p.specs), func(s machine.Spec) bool { return s.Group != name })
}
