//go:build !windows

package cli_test

import (
	"strings"
	"testing"
)

// Help, versions and mistakes in the command line are told by a process that can
// open no file and no socket.
func TestHelpTouchesNeitherDiskNorNetwork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sealed := []string{"PKS_TEST_NO_FILES=1", "HOME=", "PKS_HOME=/nonexistent"}
	for _, command := range []string{"--help", "--version", "help login", "create-cluster --help", "completion bash", "get-credentials -h"} {
		if got := piped(t, dir, sealed, strings.Fields(command)...); got.exit != 0 || got.stdout == "" || got.stderr != "" {
			t.Errorf("%s: %+v", command, got)
		}
	}
	piped(t, dir, sealed, "clutsers").isOneClearMessage(t, 2, "unknown command")
	piped(t, dir, sealed, "cluster").isOneClearMessage(t, 2, "CLUSTER-NAME is missing")
	// What does need the disk notices.
	if got := piped(t, dir, []string{"PKS_TEST_NO_FILES=1", "PKS_HOME=" + dir}, "login", "-a", "127.0.0.1:1", "-u", "x", "-p", "x", "-k"); got.exit == 0 || !strings.Contains(got.stderr, "too many open files") {
		t.Errorf("%+v", got)
	}
}
