package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

const (
	// temporary is part of the name of a folder in which something is being built.
	temporary = ".tmp-"
	buildLog  = "build.log"
	lockFile  = "build.lock"
	// lockPoll is how often a second builder looks whether the first is done.
	lockPoll = 500 * time.Millisecond
)

// Build builds what is missing, one component at a time, and tells progress in lines. A second Build of the same
// folder waits for the first. When it fails, what was finished before stays, and of the rest only a log.
func (c *Cache) Build(ctx context.Context, progress io.Writer) error {
	missing, err := c.missing() // before anything is written: another user's complete cache will do
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return fmt.Errorf("make folder for built programs: %w", err)
		}
		unlock, err := c.lock(ctx, progress)
		if err != nil {
			return err
		}
		defer unlock()
		if missing, err = c.missing(); err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		fmt.Fprintf(progress, "Kubernetes for process machines is built: %s in %s\n", c.recipes.versions(), c.dir)
		return nil
	}
	return c.buildAll(ctx, missing, progress)
}

// versions names the Kubernetes versions for people.
func (s *Recipes) versions() string {
	var versions []string
	for _, r := range s.components {
		if r.Name == kubernetesName {
			versions = append(versions, r.Version)
		}
	}
	return strings.Join(versions, " and ")
}

// lock waits until no other process builds in this folder.
func (c *Cache) lock(ctx context.Context, progress io.Writer) (unlock func(), err error) {
	lock := flock.New(filepath.Join(c.dir, lockFile))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		fmt.Fprintf(progress, "Another process is building in %s: waiting for it …\n", c.dir)
		locked, err = lock.TryLockContext(ctx, lockPoll)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	if !locked {
		return nil, fmt.Errorf("lock %s: held by another process", lock.Path())
	}
	return func() { _ = lock.Close() }, nil
}

// missing lists the recipes whose results are not there.
func (c *Cache) missing() ([]recipe, error) {
	components, err := c.Components()
	if err != nil {
		return nil, err
	}
	var missing []recipe
	for i, component := range components {
		if !component.Built {
			missing = append(missing, c.recipes.components[i])
		}
	}
	return missing, nil
}

func (c *Cache) buildAll(ctx context.Context, missing []recipe, progress io.Writer) error {
	tool, err := c.goTool()
	if err != nil {
		return err
	}
	if err := c.checkHost(tool, missing); err != nil {
		return err
	}
	if err := c.removeHalfBuilt(); err != nil {
		return err
	}
	var estimate time.Duration
	for _, r := range missing {
		estimate += r.Time
	}
	fmt.Fprintf(progress, "Building Kubernetes and its parts from source, once: %d programs and sets, about %s with empty Go caches on %s, into %s\n",
		len(missing), minutes(onThisHost(estimate)), cores(), c.dir)
	start := time.Now()
	for i, r := range missing {
		fmt.Fprintf(progress, "Building %s (%d of %d), about %s …\n", r.label(), i+1, len(missing), minutes(onThisHost(r.Time)))
		began := time.Now()
		if err := c.buildOne(ctx, tool, r, began); err != nil {
			return err
		}
		fmt.Fprintf(progress, "  %s built in %s\n", r.label(), time.Since(began).Round(time.Second))
	}
	fmt.Fprintf(progress, "All built in %s: %s\n", time.Since(start).Round(time.Second), c.dir)
	return nil
}

// buildOne builds r into a temporary folder, tries the result, and renames it.
func (c *Cache) buildOne(ctx context.Context, tool goTool, r recipe, began time.Time) (err error) {
	hash, err := c.recipes.hash(r, c.target)
	if err != nil {
		return err
	}
	final := c.folder(r, hash, tool.version)
	work := fmt.Sprintf("%s%s%d", final, temporary, os.Getpid())
	if err := os.MkdirAll(filepath.Join(work, "bin"), 0o755); err != nil {
		return fmt.Errorf("make folder for %s: %w", r.label(), err)
	}
	defer func() {
		if err != nil {
			err = c.giveUp(ctx, r, work, err)
		}
	}()
	log, err := os.Create(filepath.Join(work, buildLog))
	if err != nil {
		return fmt.Errorf("make build log: %w", err)
	}
	err = c.compile(ctx, tool, r, work, log)
	if closeErr := log.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := r.Check.verify(ctx, work); err != nil {
		return err
	}
	s := stamp{Name: r.Name, Version: r.Version, Recipe: hash, Target: c.target, Go: tool.version, BuiltAt: began.UTC(), Took: time.Since(began).Round(time.Second).String()}
	if err := writeStamp(work, s); err != nil {
		return err
	}
	if err := os.RemoveAll(final); err != nil {
		return fmt.Errorf("replace damaged folder: %w", err)
	}
	return os.Rename(work, final)
}

// compile makes the programs, the links to them and the images of r in work.
func (c *Cache) compile(ctx context.Context, tool goTool, r recipe, work string, log io.Writer) error {
	bin := filepath.Join(work, "bin")
	for _, b := range r.Builds {
		if err := tool.build(ctx, c.recipes.dir, b, bin, log); err != nil {
			return err
		}
		for _, link := range b.Links {
			if err := os.Symlink(b.Output, filepath.Join(bin, link)); err != nil {
				return fmt.Errorf("link %s: %w", link, err)
			}
		}
	}
	for _, image := range r.Images {
		program, err := c.imageProgram(image, bin, tool.version)
		if err != nil {
			return err
		}
		if err := writeImage(filepath.Join(work, image.File), image.Reference, image.Program, program, runtime.GOARCH); err != nil {
			return fmt.Errorf("image %s: %w", image.Reference, err)
		}
	}
	return nil
}

// imageProgram is the path of the program that goes into image.
func (c *Cache) imageProgram(image image, bin, goVersion string) (string, error) {
	if image.Component == "" {
		return filepath.Join(bin, image.Program), nil
	}
	r, _ := c.recipes.find(image.Component) // recipes were validated
	component, err := c.component(r, goVersion)
	if err != nil {
		return "", err
	}
	if !component.Built {
		return "", fmt.Errorf("image %s: %w: %s", image.Reference, ErrNotBuilt, component.describeMissing())
	}
	return filepath.Join(component.Dir, "bin", image.Program), nil
}

// giveUp removes the work of a failed build but for its log, and returns the error for people.
func (c *Cache) giveUp(ctx context.Context, r recipe, work string, cause error) error {
	if ctx.Err() != nil {
		return errors.Join(fmt.Errorf("building %s was interrupted: %w", r.label(), context.Cause(ctx)), os.RemoveAll(work))
	}
	kept := filepath.Join(c.dir, fmt.Sprintf("%s-%s.log", r.Name, r.Version))
	data, err := os.ReadFile(filepath.Join(work, buildLog))
	if err == nil {
		err = os.WriteFile(kept, data, 0o644)
	}
	failure := fmt.Errorf("build %s: %w", r.label(), cause)
	if said := lastLines(withoutCommands(string(data)), 12); said != "" {
		failure = fmt.Errorf("%w\n%s", failure, said)
	}
	if err == nil {
		failure = fmt.Errorf("%w\nthe whole log: %s", failure, kept)
	}
	return errors.Join(failure, os.RemoveAll(work))
}

// withoutCommands leaves out the lines in which a log says what was run, and the downloads.
func withoutCommands(log string) string {
	var kept []string
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "+ ") && !strings.HasPrefix(line, "go: downloading ") {
			kept = append(kept, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(kept, "\n")
}

// removeHalfBuilt removes what builders left that were killed; the lock is held, so none is at work.
func (c *Cache) removeHalfBuilt() error {
	left, err := filepath.Glob(filepath.Join(globQuote(c.dir), "*", "*"+temporary+"*"))
	if err != nil {
		return fmt.Errorf("look for half-built folders: %w", err)
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove half-built folder: %w", err)
		}
	}
	return nil
}

// onThisHost scales an estimate for two cores; beyond eight the linker is what is waited for.
func onThisHost(estimate time.Duration) time.Duration {
	return estimate * 2 / time.Duration(min(runtime.NumCPU(), 8))
}

func cores() string {
	if n := runtime.NumCPU(); n > 1 {
		return fmt.Sprintf("%d cores", n)
	}
	return "one core"
}

// minutes rounds a duration for people.
func minutes(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	}
	return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
}
