package agent

import (
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/machine"
)

func TestJobStateSumsUp(t *testing.T) {
	t.Parallel()
	for states, want := range map[string]string{
		"":                     machine.JobRunning,
		"running":              machine.JobRunning,
		"running starting":     machine.JobStarting,
		"initialized running":  machine.JobStarting,
		"starting failing":     machine.JobFailing,
		"failing running":      machine.JobFailing,
		"running unknown":      machine.JobStarting,
		"running running":      machine.JobRunning,
		"initialized starting": machine.JobStarting,
	} {
		processes := []machine.Process{}
		for _, s := range strings.Fields(states) {
			processes = append(processes, machine.Process{State: s})
		}
		if got := jobState(true, processes); got != want {
			t.Errorf("%s: %s, want %s", states, got, want)
		}
		if got := jobState(false, processes); got != machine.JobStopped {
			t.Errorf("%s, stopped: %s", states, got)
		}
	}
}

func TestProbesAsk(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	for name, c := range map[string]struct {
		probe *Probe
		want  bool
	}{
		"none":               {nil, true},
		"HTTP":               {&Probe{HTTP: plain.URL + "/healthz"}, true},
		"HTTP, unhealthy":    {&Probe{HTTP: plain.URL + "/"}, false},
		"HTTPS":              {&Probe{HTTPS: secure.URL + "/healthz"}, true},
		"HTTPS, unhealthy":   {&Probe{HTTPS: secure.URL + "/"}, false},
		"HTTPS, plain":       {&Probe{HTTPS: strings.Replace(plain.URL, "http", "https", 1)}, false},
		"TCP":                {&Probe{TCP: plain.Listener.Addr().String()}, true},
		"TCP, nobody":        {&Probe{TCP: "127.0.0.1:1"}, false},
		"socket":             {&Probe{Unix: socket}, true},
		"socket, nobody":     {&Probe{Unix: socket + "x"}, false},
		"file":               {&Probe{File: socket}, true},
		"file, absent":       {&Probe{File: socket + "x"}, false},
		"URL that is no URL": {&Probe{HTTP: "::"}, false},
	} {
		if err := c.probe.serves(t.Context()); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLargeLogIsSetAsideWhileItIsWritten(t *testing.T) {
	t.Parallel()
	logs := newLogFiles(10)
	path := filepath.Join(t.TempDir(), "job", "p.log")
	f, err := logs.open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := func(text string) {
		t.Helper()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := logs.rotate(); err != nil {
			t.Fatal(err)
		}
	}
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	write("short")
	if got := read(path); got != "short" {
		t.Errorf("a small log is %q", got)
	}
	write(" and long")
	write("new")
	if diff := cmp.Diff([]string{"new", "short and long"}, []string{read(path), read(path + ".1")}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := logs.rotate(); err != nil {
		t.Errorf("a log that is gone: %v", err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	kept := tail{limit: 4}
	for _, text := range []string{"ab", "cd", "ef", "gh", "ijklmnopqrst"} {
		if _, err := kept.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := kept.String(), "[16 bytes left out]\nqrst"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		n    int
		size int
		want string
	}{
		{"", 3, 100, ""},
		{"\n\n", 3, 100, ""},
		{"a\nb\nc\nd\n", 2, 100, "c\nd"},
		{"abcdef", 2, 3, "def"},
		{"ää", 2, 3, "ä"},
	} {
		if got := lastLines(c.text, c.n, c.size); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestProgramIsFoundInTheCommandsOwnPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"run": 0o755, "text": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	environment := []string{"A=b", "PATH=/nonexistent:" + dir}
	for name, want := range map[string]string{
		"run": dir + "/run", "./x": "./x", "/bin/absent": "/bin/absent",
		"text": "program text: file does not exist", "sh": "program sh: file does not exist",
	} {
		got, err := lookPath(name, environment)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestExitCodeIsThatOfAShell(t *testing.T) {
	t.Parallel()
	for status, want := range map[syscall.WaitStatus]int{0: 0, 0x0300: 3, 9: 137, 15: 143} {
		if got := exitCode(status); got != want {
			t.Errorf("status %#x: %d, want %d", uint32(status), got, want)
		}
	}
}

func TestProcessorTimeIsMeasuredBetweenReadings(t *testing.T) {
	t.Parallel()
	var c cpuSample
	start := time.Unix(1000, 0)
	got := []float64{
		c.percent(start.Add(2*time.Second), start, time.Second),
		c.percent(start.Add(4*time.Second), start, time.Second),
		c.percent(start.Add(4*time.Second+time.Millisecond), start, 9*time.Second), // too soon to tell
		c.percent(start.Add(5*time.Second), start, 2*time.Second),
		c.percent(start.Add(6*time.Second), start, 0), // a counter that went back
	}
	if diff := cmp.Diff([]float64{50, 0, 0, 100, 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDescendants(t *testing.T) {
	t.Parallel()
	table := statTable{1: {}, 2: {parent: 1, residentKB: 1}, 3: {parent: 2, residentKB: 2}, 4: {parent: 1, residentKB: 4}, 5: {parent: 3, residentKB: 8}}
	kb, _, _ := table.descendants(2).total()
	if kb != 11 {
		t.Errorf("%d kB, want those of 2, 3 and 5", kb)
	}
	if found := table.descendants(99); len(found) != 0 {
		t.Errorf("a process that is gone has descendants %v", found)
	}
}

func TestMemoryOfAGroup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		kb    int64
		known bool
	}{
		"version 1": {map[string]string{
			"memory/memory.usage_in_bytes": "10240\n", "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 2048\n",
		}, 8, true},
		"version 2":       {map[string]string{"memory.current": "4096\n", "memory.stat": "anon 7\ninactive_file 1024\n"}, 3, true},
		"nothing":         {nil, 0, false},
		"no number":       {map[string]string{"memory.current": "many"}, 0, false},
		"without details": {map[string]string{"memory.current": "4096\n"}, 4, true},
	} {
		dir := t.TempDir()
		for path, content := range c.files {
			if err := writeFile(filepath.Join(dir, path), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		kb, known := cgroupMemoryKB(dir)
		if kb != c.kb || known != c.known {
			t.Errorf("%s: %d %t", name, kb, known)
		}
	}
}

func TestTornListOfFilesIsNoObstacle(t *testing.T) {
	t.Parallel()
	c := Config{Vcap: t.TempDir()}
	if err := writeFile(c.ledger(), []byte(`["/a`), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.Vcap, "jobs", "j", "f")
	if err := c.layOut(Plan{Jobs: []Job{{Name: "j", Files: []File{{Path: path, Mode: 0o600}}}}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.readLedger()
	if diff := cmp.Diff([]string{path}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestForgedListOfFilesRemovesNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Config{Vcap: filepath.Join(dir, "m", "vcap"), Confine: filepath.Join(dir, "m")}
	foreign := filepath.Join(dir, "foreign")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(c.ledger(), fmt.Appendf(nil, "[%q]", foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.layOut(Plan{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

func FuzzField(f *testing.F) {
	f.Add([]byte("inactive_file 1024\nanon 3\n"), "anon")
	f.Add([]byte("anon x\nanon 5"), "anon")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		if n := field(data, name); n != 0 && !strings.Contains(string(data), name) {
			t.Errorf("%d for a name that is not there", n)
		}
	})
}
