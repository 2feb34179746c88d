package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// goTool is the Go toolchain on the PATH.
type goTool struct {
	program     string
	version     string // as "go1.26.8"
	buildCache  string
	moduleCache string
}

// findGo asks the Go toolchain on the PATH for its version and folders. Its error wraps exec.ErrNotFound when
// there is none.
func findGo() (goTool, error) {
	program, err := exec.LookPath("go")
	if err != nil {
		return goTool{}, fmt.Errorf("find Go, with which Kubernetes is built: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, "env", "-json", "GOVERSION", "GOCACHE", "GOMODCACHE")
	command.Dir = os.TempDir() // outside any module, whose go.mod could ask for another toolchain
	output, err := command.Output()
	if err != nil {
		return goTool{}, fmt.Errorf("run %s: %w", command, err)
	}
	var env struct{ GOVERSION, GOCACHE, GOMODCACHE string }
	if err := json.Unmarshal(output, &env); err != nil {
		return goTool{}, fmt.Errorf("read the answer of %s: %w", command, err)
	}
	return goTool{program, env.GOVERSION, env.GOCACHE, env.GOMODCACHE}, nil
}

// build runs one `go build` with results in bin; what go says goes to log.
func (t goTool) build(ctx context.Context, recipes string, b goBuild, bin string, log io.Writer) error {
	output := bin + string(filepath.Separator)
	if b.Output != "" {
		output = filepath.Join(bin, b.Output)
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", strings.Join(append([]string{"-s", "-w"}, b.LDFlags...), " "), "-o", output}
	if len(b.Tags) > 0 {
		args = append(args, "-tags", strings.Join(b.Tags, ","))
	}
	if b.Modfile != "" {
		args = append(args, "-modfile", filepath.Join(recipes, b.Modfile))
	}
	command := exec.Command(t.program, append(args, b.Packages...)...)
	command.Dir = filepath.Join(recipes, b.Folder)
	cgo := "0"
	if b.CGo {
		cgo = "1"
	}
	command.Env = append(os.Environ(), "PWD="+command.Dir, "CGO_ENABLED="+cgo, "GOFLAGS=-mod=readonly", "GOWORK=off",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOEXPERIMENT=", "GODEBUG=")
	command.Stdout, command.Stderr = log, log
	fmt.Fprintf(log, "+ cd %s && CGO_ENABLED=%s GOFLAGS=-mod=readonly %s\n", command.Dir, cgo, command)
	return runGroup(ctx, command)
}

// verify runs the check of a finished folder.
func (c check) verify(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	command := exec.Command(filepath.Join(dir, c.Run[0]), c.Run[1:]...)
	var output bytes.Buffer
	command.Dir, command.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	command.Stdout, command.Stderr = &output, &output
	// Only what it says counts: a plugin that is called without its environment says its version and fails.
	err := runGroup(ctx, command)
	if strings.Contains(output.String(), c.Says) {
		return nil
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s does not work: %w: %s", strings.Join(c.Run, " "), err, lastLines(output.String(), 3))
	}
	return fmt.Errorf("%s should say %q, said %q", strings.Join(c.Run, " "), c.Says, lastLines(output.String(), 3))
}

// lastLines returns the last n lines of text that are not empty.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// missing returns what has to be installed before a build can begin, as a message, or "".
func (n need) missing(includes []string) string {
	if n.Program != "" {
		if _, err := exec.LookPath(n.Program); err == nil {
			return ""
		}
		return fmt.Sprintf("%s (Debian package %s)", n.Program, n.Package)
	}
	for _, dir := range includes {
		if _, err := os.Stat(filepath.Join(dir, n.Header)); err == nil {
			return ""
		}
	}
	return fmt.Sprintf("the C header %s (Debian package %s)", n.Header, n.Package)
}

// includeDirs are the folders in which a C compiler looks for headers.
func includeDirs() []string {
	dirs := filepath.SplitList(os.Getenv("CPATH"))
	dirs = append(dirs, "/usr/include", "/usr/local/include")
	multiarch, err := filepath.Glob("/usr/include/*-linux-*")
	if err != nil {
		return dirs
	}
	return append(dirs, multiarch...)
}
