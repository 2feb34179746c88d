package stack

import (
	"bufio"
	"os"
	"strings"
	"syscall"
	"testing"
)

// makeFIFO makes a named pipe: reading from it waits for the writer's event.
func makeFIFO(path string) error { return syscall.Mkfifo(path, 0o600) }

func readLine(t *testing.T, fifo string) string {
	t.Helper()
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
