package stack

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director/state"
)

// runningStack is a stack that looks as if it were running, with one cluster on Kubernetes 1.36.3.
func runningStack(t *testing.T, settings Settings) Layout {
	t.Helper()
	l := layoutOf(t)
	lock, err := takeLock(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Unlock() })
	i := Instance{PID: os.Getpid(), Settings: settings, Offered: Offered{Kubernetes: []string{"1.35.4", "1.36.3"}, Stemcells: []string{"1", "2"}}}
	if err := i.write(l); err != nil {
		t.Fatal(err)
	}
	store, err := state.Open(t.Context(), filepath.Join(l.Director(), "director.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.EnsureDeployment(t.Context(), "d", nil); err != nil {
		t.Fatal(err)
	}
	d := state.Deployment{Name: "d", Releases: []state.Version{{Name: "kubo", Version: "1.36.3"}}}
	if err := store.SaveDeployment(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestABumpThatCannotBeChangesNothing(t *testing.T) {
	t.Parallel()
	settings := Settings{Machines: Process, Isolation: "root", Kubernetes: "1.36.3", Stemcell: "2"}
	l := runningStack(t, settings)
	for name, c := range map[string]struct{ kubernetes, fails string }{
		"not offered":              {"1.30.0", "choose one of 1.35.4, 1.36.3"},
		"older than a cluster has": {"1.35.4", "cannot go back"},
		"nothing newer":            {"", ""},
		"the same":                 {"1.36.3", ""},
	} {
		before, after, err := Bump(t.Context(), l, c.kubernetes, false)
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", name, err)
		}
		if before != settings || after != settings {
			t.Errorf("%s: from %+v to %+v", name, before, after)
		}
		if kept, err := readSettings(l); err != nil || kept != (Settings{}) {
			t.Errorf("%s: %+v was written, %v", name, kept, err)
		}
	}
}

func TestABumpNeedsARunningStack(t *testing.T) {
	t.Parallel()
	if _, _, err := Bump(t.Context(), layoutOf(t), "", true); err == nil || !strings.Contains(err.Error(), ErrNotRunning.Error()) {
		t.Errorf("got %v", err)
	}
}

func TestOnlySettingsThatCanHoldAreTakenOver(t *testing.T) {
	t.Parallel()
	settings := Settings{Machines: Process, Isolation: "root", Kubernetes: "1.35.4", Stemcell: "1"}
	for name, c := range map[string]struct {
		change func(*Settings)
		fails  string
	}{
		"nothing new, as when a terminal closes": {func(*Settings) {}, ""},
		"other machines":                         {func(s *Settings) { s.Machines = Simulated }, "pks-local down"},
		"other isolation":                        {func(s *Settings) { s.Isolation = "kwok" }, "pks-local down"},
		"unknown Kubernetes":                     {func(s *Settings) { s.Kubernetes = "2" }, "not offered"},
		"unknown stemcell":                       {func(s *Settings) { s.Stemcell = "3" }, "not offered"},
	} {
		l := layoutOf(t)
		wanted := settings
		c.change(&wanted)
		if err := wanted.write(l); err != nil {
			t.Fatal(err)
		}
		s := &Stack{layout: l, settings: settings, log: slog.New(slog.DiscardHandler), offered: Offered{Kubernetes: []string{"1.35.4", "1.36.3"}, Stemcells: []string{"1", "2"}}}
		err := s.reload(t.Context())
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(settings, s.current()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestBuildProgressIsPassedOnAtOnce(t *testing.T) {
	t.Parallel()
	var lines []string
	w := lineWriter(func(line string) { lines = append(lines, line) })
	for _, text := range []string{"Building a …", " built in 2s\n", "one\ntwo\n", "\n"} {
		if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	if diff := cmp.Diff([]string{"Building a …", "built in 2s", "one", "two"}, lines); diff != "" {
		t.Error(diff)
	}
}
