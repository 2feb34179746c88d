package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const (
	// oneHelp is how long `pks --help` may take from start to end.
	oneHelp = 30 * time.Millisecond
	// helpOverHello is how much of a processor it may take beside that of a Go
	// program which does nothing: what it costs on a machine that is busy.
	helpOverHello = 20
	helpRuns      = 40
)

func TestThresholdCLIHelp(t *testing.T) {
	if os.Getenv("PKS_BENCH") != "1" {
		t.Skip("set PKS_BENCH=1 to measure")
	}
	hello := filepath.Join(t.TempDir(), "hello")
	source := hello + ".go"
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(1) }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", hello, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pks := program(t, "pks")
	helloTook, helloUsed := starts(t, hello)
	helpTook, helpUsed := starts(t, pks, "--help")
	ratio := float64(helpUsed) / float64(max(helloUsed, 100*time.Microsecond))
	t.Logf("pks --help: best %v, median %v, processor %v; a program that does nothing: best %v, median %v, processor %v; ratio %.1f",
		helpTook[0], helpTook[helpRuns/2], helpUsed, helloTook[0], helloTook[helpRuns/2], helloUsed, ratio)
	// The best run is the one that no other program was in the way of.
	if helpTook[0] > oneHelp {
		t.Errorf("pks --help takes %v, more than %v", helpTook[0], oneHelp)
	}
	if ratio > helpOverHello {
		t.Errorf("pks --help takes %.1f times the processor of a program that does nothing, more than %d", ratio, helpOverHello)
	}
}

// starts runs a program again and again, without an environment. It returns the
// times from start to end, shortest first, and the median of what each run took
// of a processor.
func starts(t *testing.T, program string, args ...string) (took []time.Duration, used time.Duration) {
	t.Helper()
	var processor []time.Duration
	for range helpRuns {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = []string{}
		begun := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatal(fmt.Errorf("%s: %w: %s", program, err, out))
		}
		took = append(took, time.Since(begun))
		processor = append(processor, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		cancel()
	}
	slices.Sort(took)
	slices.Sort(processor)
	return took, processor[len(processor)/2]
}
