package isolation_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

// The test program is its own holder and agent.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == isolation.Command {
		os.Exit(isolation.Main(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == standInCommand {
		os.Exit(standIn(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for something that comes at once on an idle computer.
const patience = 30 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	return ctx
}

func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// possible is what this computer allows, found out once for all tests.
var possible = sync.OnceValue(func() map[isolation.Mode]string {
	refused := make(map[isolation.Mode]string)
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "isolation-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for _, mode := range []isolation.Mode{isolation.Root, isolation.Rootless, isolation.Kwok} {
		_, err := isolation.Detect(context.Background(), isolation.DetectOptions{Program: path, Dir: dir, Only: mode})
		if err != nil {
			refused[mode] = err.Error()
		}
	}
	return refused
})

// inModes runs a test in each of the modes that are possible here.
func inModes(t *testing.T, modes []isolation.Mode, test func(t *testing.T, mode isolation.Mode)) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			if reason, refused := possible()[mode]; refused {
				t.Skip(reason)
			}
			test(t, mode)
		})
	}
}

func allModes() []isolation.Mode {
	return []isolation.Mode{isolation.Root, isolation.Rootless, isolation.Kwok}
}

func namespaceModes() []isolation.Mode { return []isolation.Mode{isolation.Root, isolation.Rootless} }

func newStack() string { return uuid.NewString()[:6] }

func segmentOptions(t *testing.T, mode isolation.Mode, deployment string) isolation.SegmentOptions {
	t.Helper()
	return isolation.SegmentOptions{
		Mode: mode, Program: program(t), Dir: filepath.Join(t.TempDir(), deployment), Stack: newStack(), Deployment: deployment,
		Gateway: netip.MustParsePrefix("10.77.0.1/16"),
	}
}

func startSegment(t *testing.T, o isolation.SegmentOptions) *isolation.Segment {
	t.Helper()
	s, err := isolation.StartSegment(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func machineOptions(t *testing.T, mode isolation.Mode, name string, host byte) isolation.MachineOptions {
	t.Helper()
	address := netip.AddrFrom4([4]byte{10, 77, 0, host})
	if mode == isolation.Kwok {
		address = netip.AddrFrom4([4]byte{127, 77, 0, host})
	}
	return isolation.MachineOptions{Name: name, Dir: filepath.Join(t.TempDir(), name), Address: address, MemoryMB: 512, CPUs: 1}
}

func startMachine(t *testing.T, s *isolation.Segment, o isolation.MachineOptions) *isolation.Machine {
	t.Helper()
	m, err := s.StartMachine(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// eventually asks again and again until the answer is yes.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !yes() {
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within %s", what, patience)
		case <-ticker.C:
		}
	}
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
