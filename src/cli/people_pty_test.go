//go:build !windows

package cli_test

import (
	"os"
	"strings"
	"testing"
)

// The layout of reference/pks-cli.md §6.7.
func TestGetCredentialsAsksForThePassword(t *testing.T) {
	t.Parallel()
	w, dir := loggedIn(t)
	w.mu.Lock()
	w.add("people", 3)
	w.mu.Unlock()
	s := newSession(t, dir, "get-credentials", "people")
	s.await(`Password: $`)
	s.send("pa55 wörd\r")
	want := "Fetching credentials for cluster people.\r\nPassword: ********\r\nContext set for cluster people.\r\n"
	if shown := s.end(0); !strings.Contains(shown, want) || strings.Contains(shown, "pa55") {
		t.Errorf("it shows %q", shown)
	}
	config, err := os.ReadFile(dir + "/.kube/config")
	if err != nil || !strings.Contains(string(config), "refresh-token: r\n") {
		t.Errorf("%s, %v", config, err)
	}
	s = newSession(t, dir, "get-credentials", "people")
	s.await(`Password: $`)
	s.send("\x04")
	if shown := s.end(2); !strings.Contains(shown, "There was no answer; nothing is done.") {
		t.Errorf("it shows %q", shown)
	}
}
