package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/pks-community/pks-release/src/local/machine"
)

// How much of a failed hook's output its error quotes.
const (
	quotedLines = 10
	quotedBytes = 2000
)

// runScript runs one hook of all jobs at once, as a BOSH agent does (reference/bosh-release.md §7).
func (a *Agent) runScript(ctx context.Context, script machine.Script) error {
	a.mu.Lock()
	jobs := a.plan.Jobs
	a.mu.Unlock()
	errs := make([]error, len(jobs))
	var hooks sync.WaitGroup
	for i, job := range jobs {
		if hook, exists := job.Hooks[script]; exists {
			hooks.Go(func() { errs[i] = a.runHook(ctx, job.Name, script, hook) })
		}
	}
	hooks.Wait()
	return errors.Join(errs...)
}

func (a *Agent) runHook(ctx context.Context, job string, script machine.Script, hook Command) error {
	stdout, err := a.logs.open(filepath.Join(a.config.jobLog(job), string(script)+".stdout.log"))
	if err != nil {
		return fmt.Errorf("job %s: %s: %w", job, script, err)
	}
	defer stdout.Close()
	stderr, err := a.logs.open(filepath.Join(a.config.jobLog(job), string(script)+".stderr.log"))
	if err != nil {
		return fmt.Errorf("job %s: %s: %w", job, script, err)
	}
	defer stderr.Close()
	a.log.LogAttrs(ctx, slog.LevelInfo, "script started", slog.String("job", job), slog.String("script", string(script)))
	result, err := a.launcher.run(ctx, hook, stdout, stderr)
	a.log.LogAttrs(ctx, slog.LevelInfo, "script ended", slog.String("job", job), slog.String("script", string(script)),
		slog.Int("exit_code", result.ExitCode), slog.Any("error", err))
	switch {
	case err != nil:
		return fmt.Errorf("job %s: %s: %w", job, script, err)
	case result.TimedOut:
		return fmt.Errorf("job %s: %s was ended after %s%s", job, script, hook.Timeout, quote(result.ErrandResult))
	case ctx.Err() != nil:
		return fmt.Errorf("job %s: %s was cancelled", job, script)
	case result.ExitCode != 0:
		return fmt.Errorf("job %s: %s failed with exit code %d%s", job, script, result.ExitCode, quote(result.ErrandResult))
	}
	return nil
}

// quote is the end of the output for an error message: what it complained of or, failing that, said.
func quote(r machine.ErrandResult) string {
	text := lastLines(r.Stderr, quotedLines, quotedBytes)
	if text == "" {
		text = lastLines(r.Stdout, quotedLines, quotedBytes)
	}
	if text == "" {
		return ""
	}
	return ": " + text
}

// errNoErrand: the job has no bin/run.
var errNoErrand = errors.New("it is not an errand of this machine")

// runErrand runs bin/run of a job; its output is logged beside the job's logs too.
func (a *Agent) runErrand(ctx context.Context, name string) (machine.ErrandResult, error) {
	a.mu.Lock()
	var errand *Command
	for _, job := range a.plan.Jobs {
		if job.Name == name {
			errand = job.Errand
		}
	}
	a.mu.Unlock()
	if errand == nil {
		return machine.ErrandResult{}, fmt.Errorf("job %s: %w", name, errNoErrand)
	}
	stdout, err := a.logs.open(filepath.Join(a.config.jobLog(name), "errand.stdout.log"))
	if err != nil {
		return machine.ErrandResult{}, fmt.Errorf("job %s: %w", name, err)
	}
	defer stdout.Close()
	stderr, err := a.logs.open(filepath.Join(a.config.jobLog(name), "errand.stderr.log"))
	if err != nil {
		return machine.ErrandResult{}, fmt.Errorf("job %s: %w", name, err)
	}
	defer stderr.Close()
	return a.runCommand(ctx, *errand, stdout, stderr)
}

// runCommand runs a command; that its timeout ended it is said in its output.
func (a *Agent) runCommand(ctx context.Context, c Command, logs ...io.Writer) (machine.ErrandResult, error) {
	result, err := a.launcher.run(ctx, c, logs...)
	if err != nil {
		return machine.ErrandResult{}, err
	}
	if result.TimedOut {
		result.Stderr += fmt.Sprintf("ended after %s, the time it may take\n", c.Timeout)
	}
	return result.ErrandResult, nil
}
