package stack

import (
	"bufio"
	"os"
	"strings"
	"syscall"
	"testing"
)

// events is a named pipe: reading a line waits for the next event that a script
// writes.
type events struct {
	path  string
	lines *bufio.Reader
}

func newEvents(t *testing.T, path string) events {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// Open for writing too, so that there is no end of file between two writers.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return events{path, bufio.NewReader(f)}
}

func (e events) next(t *testing.T) string {
	t.Helper()
	line, err := e.lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
