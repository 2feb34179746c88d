package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is the first argument with which a program that uses this package is
// started again by it; Main must be called then.
const Command = "release-part"

// Roles are the second argument.
const (
	roleInside = "inside" // DIR PROGRAM ARGUMENT…: in namespaces, makes DIR /var/vcap and runs PROGRAM
	roleBPM    = "bpm"    // stands in for the program bpm
)

// vcap is where BOSH has everything.
const vcap = "/var/vcap"

// termPatience is how long a run that was told to end gets: a BOSH agent kills
// after it (reference/bosh-release.md §8).
const termPatience = 10 * time.Second

// Main is the whole of a program that was started as `PROGRAM Command ROLE …`; args
// are those after Command. It returns the exit code.
func Main(args []string) int {
	var err error
	switch {
	case len(args) > 2 && args[0] == roleInside:
		err = runInside(args[1], args[2:])
	case len(args) > 0 && args[0] == roleBPM:
		var code int
		if code, err = standInForBPM(args[1:]); err == nil {
			return code
		}
	default:
		err = errors.New("this is started by the embedded Director, not by people")
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", Command, err)
	return 1
}

// sandbox is a command whose /var/vcap is a folder of the caller's. Everything else
// is the host's; without network it has none.
type sandbox struct {
	program string // this one
	vcap    string
	network bool
	env     []string
}

// outcome is how a command ended.
type outcome struct {
	code           int // 128 + the signal's number if one ended it
	stdout, stderr output
}

// output keeps the end of what is written to it.
type output struct {
	kept  []byte
	total int
}

// Write takes all, whatever becomes of it.
func (o *output) Write(text []byte) (int, error) {
	o.total += len(text)
	o.kept = append(o.kept, text...)
	if over := len(o.kept) - maxOutput; over > maxOutput {
		o.kept = append(o.kept[:0], o.kept[over:]...)
	}
	return len(text), nil
}

// run runs a command to its end. When ctx ends, its process group gets SIGTERM and,
// after the patience, SIGKILL; that is an outcome too.
func (s sandbox) run(ctx context.Context, args ...string) (*outcome, error) {
	var o outcome
	cmd := exec.CommandContext(ctx, s.program, append([]string{Command, roleInside, s.vcap}, args...)...)
	cmd.Env, cmd.Dir = s.env, "/"
	cmd.Stdout, cmd.Stderr = &o.stdout, &o.stderr
	cmd.SysProcAttr = s.attributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = termPatience
	err := cmd.Run()
	if cmd.Process != nil { // whatever has stayed behind
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	switch state := cmd.ProcessState; {
	case state != nil:
		o.code = exitCode(state)
	case ctx.Err() != nil: // before it began
		o.code = terminated
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EINVAL):
		return nil, fmt.Errorf("a private /var/vcap needs namespaces, which this computer refuses: %w", err)
	default:
		return nil, fmt.Errorf("run %s: %w", args[0], err)
	}
	return &o, nil
}

// exitCode is that of a shell: 128 and the signal's number for what a signal ended.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// attributes are the namespaces. Who is not root becomes root in one of users.
func (s sandbox) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if !s.network {
		a.Cloneflags |= syscall.CLONE_NEWNET
	}
	if os.Geteuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

// runInside makes dir /var/vcap in the mount namespace of this process and becomes
// the program.
func runInside(dir string, args []string) error {
	// Mounts of the host come in, none go out.
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	source, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	if _, err := os.Stat(vcap); errors.Is(err, fs.ErrNotExist) {
		if err := makePlace(filepath.Join(filepath.Dir(dir), "var")); err != nil {
			return err
		}
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", source), vcap, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", dir, vcap, err)
	}
	workdir := os.Getenv(workdirVariable)
	if workdir == "" {
		workdir = "/"
	}
	if err := os.Chdir(workdir); err != nil {
		return fmt.Errorf("enter %s: %w", workdir, err)
	}
	if err := os.Unsetenv(workdirVariable); err != nil {
		return err
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("run %s: %w", path, syscall.Exec(path, args, os.Environ()))
}

// workdirVariable tells runInside which folder the program begins in.
const workdirVariable = "PKS_RELEASE_PART_DIR"

// makePlace makes /var/vcap on a computer without one, for this namespace alone: a
// temporary /var with all that is in the host's, put together at place, a folder that
// is made.
func makePlace(place string) error {
	if err := os.MkdirAll(place, 0o755); err != nil {
		return fmt.Errorf("make a place for %s: %w", vcap, err)
	}
	entries, err := os.ReadDir("/var")
	if err != nil {
		return fmt.Errorf("look at /var: %w", err)
	}
	if err := unix.Mount("tmpfs", place, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("make a place for %s: %w", vcap, err)
	}
	for _, e := range entries {
		from, to := filepath.Join("/var", e.Name()), filepath.Join(place, e.Name())
		var err error
		switch {
		case e.Type() == fs.ModeSymlink:
			var target string
			if target, err = os.Readlink(from); err == nil {
				err = os.Symlink(target, to)
			}
		case e.IsDir():
			if err = os.Mkdir(to, 0o755); err == nil {
				err = unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
			}
		}
		if err != nil {
			return fmt.Errorf("show %s: %w", from, err)
		}
	}
	if err := os.Mkdir(filepath.Join(place, "vcap"), 0o755); err != nil {
		return fmt.Errorf("make a place for %s: %w", vcap, err)
	}
	if err := unix.Mount(place, "/var", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make a place for %s: %w", vcap, err)
	}
	return nil
}
