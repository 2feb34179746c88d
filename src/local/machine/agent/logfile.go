package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Logs are written by the processes themselves, through a descriptor opened for appending: a process
// that outlives another one it shares its output with never meets a broken pipe. The price is that a
// log that has grown large is copied and emptied, and what is written between the two is lost.

const rotateEvery = 10 * time.Second

// logFiles knows the files to keep small.
type logFiles struct {
	limit int64

	mu    sync.Mutex
	paths map[string]bool
}

func newLogFiles(limit int64) *logFiles {
	return &logFiles{limit: limit, paths: make(map[string]bool)}
}

// open opens path for appending and makes its folder.
func (l *logFiles) open(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of a log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paths[path] = true
	return f, nil
}

// run looks at the sizes until ctx ends.
func (l *logFiles) run(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(rotateEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := l.rotate(); err != nil {
				log.LogAttrs(ctx, slog.LevelWarn, "log cannot be set aside", slog.Any("error", err))
			}
		}
	}
}

// rotate sets every log aside that is over the limit.
func (l *logFiles) rotate() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for path := range l.paths {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			delete(l.paths, path)
		case err != nil:
			errs = append(errs, fmt.Errorf("look at log: %w", err))
		case info.Size() > l.limit:
			errs = append(errs, setAside(path))
		}
	}
	return errors.Join(errs...)
}

// setAside moves what path holds to path.1, leaving the same open file empty.
func setAside(path string) error {
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer old.Close()
	aside, err := os.OpenFile(path+".1", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("set log aside: %w", err)
	}
	_, err = io.Copy(aside, old)
	if err = errors.Join(err, aside.Close()); err != nil {
		// A full disk must not keep the log from being emptied.
		_ = os.Remove(path + ".1")
	}
	return errors.Join(err, old.Truncate(0))
}
