package stack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/pks-community/pks-release/src/local/kubernetes"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
	"github.com/pks-community/pks-release/src/local/machine/process"
)

// miniature is what this computer has for process machines: the built programs, and
// the ways to keep machines apart.
type miniature struct {
	program, dir string
	cache        *kubernetes.Cache
	binaries     kubernetes.Binaries
	finding      isolation.Finding
}

func (s *Stack) look() *miniature {
	return &miniature{program: s.options.Program, dir: s.layout.Machines()}
}

// obstacle tells what is in the way of process machines, nothing if they can be made
// without further ado.
func (m *miniature) obstacle(ctx context.Context) string {
	if err := m.find(); err != nil {
		if errors.Is(err, kubernetes.ErrNotBuilt) {
			return "Kubernetes is not built ('pks-local up --machines process' builds it)"
		}
		return err.Error()
	}
	if err := m.detect(ctx, ""); err != nil {
		return err.Error()
	}
	return ""
}

// find looks for the built programs.
func (m *miniature) find() (err error) {
	if m.cache == nil {
		recipes, err := kubernetes.FindRecipes(m.program, os.Getenv(kubernetes.RecipesVariable))
		if err != nil {
			return err
		}
		dir, err := kubernetes.DefaultDir()
		if err != nil {
			return err
		}
		m.cache = kubernetes.Open(dir, recipes)
	}
	m.binaries, err = m.cache.Binaries()
	return err
}

// detect tries the mode, or all of them, best first, when it is empty.
func (m *miniature) detect(ctx context.Context, only string) (err error) {
	m.finding, err = isolation.Detect(ctx, isolation.DetectOptions{Program: m.program, Dir: m.dir, Only: isolation.Mode(only)})
	return err
}

// prepare finds what process machines need, and builds the programs that are not
// there.
func (m *miniature) prepare(ctx context.Context, mode string, progress func(line string)) error {
	// The check comes first: a build that is of no use takes long.
	if m.finding.Mode == "" || mode != "" && string(m.finding.Mode) != mode {
		if err := m.detect(ctx, mode); err != nil {
			return err
		}
	}
	err := m.find()
	if errors.Is(err, kubernetes.ErrNotBuilt) {
		if err = m.cache.Build(ctx, lineWriter(progress)); err == nil {
			err = m.find()
		}
	}
	return err
}

func (m *miniature) mode() string { return string(m.finding.Mode) }

// versions are those of Kubernetes that have been built, oldest first.
func (m *miniature) versions() []string {
	var versions []string
	for _, r := range m.binaries.Kubernetes {
		versions = append(versions, r.Version)
	}
	return versions
}

// refused tells why better modes than the one found do not work.
func (m *miniature) refused() map[string]string {
	if m == nil {
		return nil
	}
	refused := map[string]string{}
	for _, mode := range Modes() {
		if mode == m.mode() {
			break
		}
		refused[mode] = cmp.Or(m.finding.Refused[isolation.Mode(mode)], "not tried, for "+m.mode()+" was asked for or is what the clusters have")
	}
	return refused
}

// driver makes process machines in the stack's folder.
func (m *miniature) driver(ctx context.Context, s *Stack) (machine.Driver, error) {
	return process.New(ctx, process.Options{
		Dir: s.layout.Machines(), Stack: s.layout.shortName(), Program: m.program, Mode: m.finding.Mode,
		Binaries: m.binaries, Subnet: s.subnet, Logger: s.log.With("part", "machines"),
	})
}

// shortName is part of the names of everything that the machines of the stack in the
// folder leave in the kernel.
func (l Layout) shortName() string {
	sum := sha256.Sum256([]byte(l.Dir))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:6]
}

// lineWriter passes on what is written as lines, at once: a line that is finished only
// after minutes becomes two.
type lineWriter func(line string)

func (w lineWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if line = strings.TrimSpace(line); line != "" {
			w(line)
		}
	}
	return len(p), nil
}

// provideClient puts the newest kubectl that was built where 'pks-local env' points.
func (m *miniature) provideClient(l Layout) error {
	if err := os.MkdirAll(l.ClientPrograms(), 0o700); err != nil {
		return fmt.Errorf("make the folder of client programs: %w", err)
	}
	newest := m.binaries.Kubernetes[len(m.binaries.Kubernetes)-1]
	if err := renameio.Symlink(filepath.Join(newest.Dir, "bin", "kubectl"), filepath.Join(l.ClientPrograms(), "kubectl")); err != nil {
		return fmt.Errorf("provide kubectl: %w", err)
	}
	return nil
}

// sweepMachines ends and removes what a killed stack's machines have left in the
// kernel.
func sweepMachines(ctx context.Context, l Layout) error {
	if err := isolation.Sweep(ctx, l.shortName(), filepath.Join(l.Machines(), "segments")); err != nil {
		return fmt.Errorf("end the machines that are left: %w", err)
	}
	return nil
}
