package session_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/pks-community/pks-release/src/cli/session"
)

const switchingEnv = "SESSION_TEST_SWITCHING"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	home := os.Getenv(switchingEnv)
	if home == "" {
		os.Exit(m.Run())
	}
	store, err := session.NewStore(func(name string) string { return map[string]string{"PKS_HOME": home}[name] })
	for i := 0; err == nil; i++ {
		_, err = store.Switch(context.Background(), []string{"a", "b"}[i%2])
		fmt.Print(".")
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A process that is killed while it changes the target leaves both logins usable.
func TestKilledSwitchLosesNoLogin(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	store := storeIn(t, home, "")
	settle(t, store, session.Credentials{API: "https://a:9021", Target: "a", Username: "u", Access: "access-a", Refresh: "refresh-a"})
	settle(t, store, session.Credentials{API: "https://b:9021", Target: "b", Username: "v", Access: "access-b", Refresh: "refresh-b"})
	for round := range 8 {
		victim := exec.CommandContext(t.Context(), os.Args[0])
		victim.Env = append(os.Environ(), switchingEnv+"="+home)
		out, err := victim.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 2+round)); err != nil { // it is at work
			t.Fatal(err)
		}
		_ = victim.Process.Kill()
		_ = victim.Wait()
		for _, name := range []string{"a", "b", "a"} {
			c, err := store.Switch(t.Context(), name)
			if err != nil || c.Refresh.Reveal() != "refresh-"+name || c.API != "https://"+name+":9021" {
				t.Fatalf("round %d: target %s is %+v, %v", round, name, c, err)
			}
		}
	}
}
