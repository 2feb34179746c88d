package server_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/pks-community/pks-release/src/api/server"
)

// asProgram makes the test binary be pks-api itself.
const asProgram = "PKS_API_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(server.Run(context.Background(), server.Build{Version: "1.2.3", Commit: "abc"}, os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// process runs pks-api as a process of its own and returns it once it is ready,
// with its address.
func (s *site) process(t *testing.T) (*exec.Cmd, *running) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self, "-config", s.config)
	command.Env = append(os.Environ(), asProgram+"=yes")
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %v", err, command.Wait())
	}
	_, address, _ := strings.Cut(strings.TrimSpace(line), "is ready at ")
	return command, &running{url: address, client: s.client()}
}

func TestSIGTERMIsAnOrderlyEnd(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		s := newSite(t)
		command, api := s.process(t)
		if status, body := api.call(t, "GET", "/actuator/health", "", ""); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
		if err := command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := command.Wait(); err != nil {
			t.Errorf("%s: %v", signal, err)
		}
	}
}

// DESIGN law 1: what was acknowledged survives kill -9, and goes on by itself.
func TestKilledProcessGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	command, api := s.process(t)
	if status, body := api.call(t, "POST", "/v1/clusters", s.token(t), create); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*exec.ExitError](command.Wait()); !ok {
		t.Error("the process ended by itself")
	}
	drained := true
	for drained { // what the killed process had asked for
		select {
		case <-s.polled:
		default:
			drained = false
		}
	}
	again := s.start(t)
	<-s.polled
	if status, body := again.call(t, "GET", "/v1/clusters/demo", s.token(t), ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}
