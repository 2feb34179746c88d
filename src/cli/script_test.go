package cli_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/cli"
)

// TestMain makes the command line a command of the scripts: the test binary is
// started again under its name, so that signals, terminals and exit codes are
// those of a process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pks": run, "tkgi": run})
}

func run() {
	if err := restrict(); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := "pks"
	if strings.HasSuffix(os.Args[0], "tkgi") {
		name = "tkgi"
	}
	os.Exit(cli.Run(ctx, os.Args[1:], cli.System{ // the process ends
		Name: name, Version: "1.0.0-build.1", In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
	}))
}

const worldKey = "world"

// TestScripts runs testdata/*.txtar. Commands beside testscript's own:
//
//	world WORD...      changes the servers, see switches
//	world saw          writes the requests of the API to the file requests
//	exits N CMD...     runs the command and wants its exit code
//	plain              starts a server without TLS at $PLAIN
//	mode FILE PERM     wants the file's permissions
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			w := newWorld(t, env.WorkDir)
			env.Defer(w.close)
			env.Values[worldKey] = w
			address, err := url.Parse(w.api.URL)
			if err != nil {
				return err
			}
			env.Setenv("API", address.Host)
			env.Setenv("PKS_HOME", env.WorkDir+"/pks")
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("TZ", "UTC")
			env.Setenv("NO_COLOR", "1")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector delays each exit else
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"world": changeWorld,
			"exits": exits,
			"plain": plain,
			"mode":  mode,
		},
	})
}

func switches(w *world) map[string]func() {
	return map[string]func(){
		"no-info":    func() { w.noInfo = true },
		"no-events":  func() { w.noEvents = true },
		"hang":       func() { w.hang = true },
		"fails":      func() { w.fails = true },
		"stuck":      func() { w.stuck = true },
		"broken":     func() { w.broken = true },
		"up-to-date": func() { w.upToDate = true },
		"behind": func() {
			for _, c := range w.clusters {
				c.AvailableUpgrades = []v1.Upgrade{{Component: "pks", Version: "1.1.0-build.2"}}
			}
		},
		"good-certificates": func() { w.goodCertificates = true },
		"expired":           func() { w.goodCertificates, w.expired = false, true },
		"sick":              func() { w.sick = true },
		"disk-full":         func() { w.disk = 100 },
		"disk-nearly":       func() { w.disk = 97 },
		"healed":            func() { w.sick, w.disk = false, 0 },
		"mended":            func() { w.broken, w.stuck = false, false },
		"queues":            func() { w.queues = true },
		"fail-turns":        func() { w.failTurns = true },
		"short-tokens":      func() { w.lifetime = 10 * time.Second },
		"expire-access":     func() { clear(w.access) },
		"expire-refresh":    func() { clear(w.refresh) },
		"add-demo":          func() { w.add("demo", 3) },
		"add-other":         func() { w.add("other", 5) },
		"forget":            func() { w.requests = nil },
	}
}

func changeWorld(ts *testscript.TestScript, neg bool, args []string) {
	w := ts.Value(worldKey).(*world)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, arg := range args {
		if arg == "saw" {
			for _, r := range w.requests {
				ts.Logf("%s", r)
			}
			ts.Check(os.WriteFile(ts.MkAbs("requests"), []byte(strings.Join(w.requests, "\n")+"\n"), 0o600))
			continue
		}
		change, ok := switches(w)[arg]
		if !ok || neg {
			ts.Fatalf("world knows %v", slices.Sorted(maps.Keys(switches(w))))
		}
		change()
	}
}

// exits wants a command to end with the exit code that is its first argument.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("the exit code is %s, want %s", got, args[0])
	}
}

// plain starts a server that does not speak TLS and sets PLAIN to its address.
func plain(ts *testscript.TestScript, _ bool, _ []string) {
	server := httptest.NewServer(http.NotFoundHandler())
	ts.Defer(server.Close)
	ts.Setenv("PLAIN", strings.TrimPrefix(server.URL, "http://"))
}

func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}
