package isolation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// hostsVariable names the file in which the programs of a machine without namespaces look names up.
const hostsVariable = "PKS_HOSTS_FILE"

// startPlain starts a machine of mode Kwok: an agent and a folder.
func (m *Machine) startPlain(ctx context.Context) error {
	if err := m.preparePlain(); err != nil {
		close(m.done)
		return err
	}
	log, err := os.OpenFile(logPath(m.options.Dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		close(m.done)
		return fmt.Errorf("open the log of the machine: %w", err)
	}
	defer log.Close()
	cmd := part(m.segment.options.Program, roleMachine, m.options.Name)
	cmd.Env = []string{"PATH=" + plainPath(), marker + "=" + m.mark()}
	cmd.Dir = m.options.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	l, err := begin(cmd, func() error {
		m.process, err = keep(cmd)
		return err
	})
	if err != nil {
		close(m.done)
		return err
	}
	process := m.process
	go func() {
		defer close(m.done)
		<-process.done
	}()
	err = within(ctx, func() error { return l.finish(m.plainConfig()) }, process.kill)
	if errors.Is(err, errBootEnded) {
		err = fmt.Errorf("%w: see %s", err, logPath(m.options.Dir))
	}
	return err
}

func plainPath() string { return cmp.Or(os.Getenv("PATH"), searchPath) }

// preparePlain makes the folder that stands for /var/vcap; packages and disk are links.
func (m *Machine) preparePlain() error {
	for _, dir := range []string{"jobs", "packages", "data", "sys/log", "sys/run"} {
		if err := os.MkdirAll(filepath.Join(m.vcap, dir), 0o755); err != nil {
			return fmt.Errorf("make the machine's folder: %w", err)
		}
	}
	if err := os.Chmod(m.options.Dir, 0o700); err != nil {
		return fmt.Errorf("make the machine's folder: %w", err)
	}
	store := filepath.Join(m.vcap, "store")
	if m.options.PersistentDisk == "" {
		if err := os.MkdirAll(store, 0o755); err != nil {
			return fmt.Errorf("make the machine's folder: %w", err)
		}
	} else {
		if err := os.MkdirAll(m.options.PersistentDisk, 0o755); err != nil {
			return fmt.Errorf("make the persistent disk: %w", err)
		}
		if err := link(m.options.PersistentDisk, store); err != nil {
			return err
		}
	}
	for name, dir := range m.options.Packages {
		if err := link(dir, filepath.Join(m.vcap, "packages", name)); err != nil {
			return err
		}
	}
	return nil
}

// link makes or changes a symbolic link.
func link(target, path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("link %s: %w", path, err)
	}
	if err := os.Symlink(target, path); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	return nil
}

func (m *Machine) plainConfig() bootConfig {
	o := m.options
	hosts := filepath.Join(o.Dir, "hosts")
	return bootConfig{
		Mode: Kwok, Socket: Socket(o.Dir), Dir: o.Dir,
		Agent: agent.Config{
			Name: o.Name, Address: o.Address, Vcap: m.vcap, Confine: o.Dir, HostsFile: hosts,
			Environment: map[string]string{
				"PATH": plainPath(), "HOME": o.Dir, "LANG": "C.UTF-8", hostsVariable: hosts, marker: m.mark(),
			},
			PersistentDisk: o.PersistentDisk != "", Shared: true,
		},
	}
}

// killPlain ends the agent and whatever carries the machine's mark.
func (m *Machine) killPlain(ctx context.Context) error {
	if m.process == nil {
		return nil // it never started
	}
	m.process.kill()
	return killMarked(ctx, func(value string) bool { return value == m.mark() })
}
