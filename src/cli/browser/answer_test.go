package browser_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/cli/browser"
)

// takePort is a port that is not free.
func takePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

func listen(t *testing.T, ports ...int) *browser.Answer {
	t.Helper()
	a, err := browser.Listen(t.Context(), "the-state", ports...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func send(t *testing.T, address string) (status int, page string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestCodeArrives(t *testing.T) {
	t.Parallel()
	a := listen(t, 0)
	if status, page := send(t, a.Redirect+"?code=c0de&state=the-state"); status != 200 || !strings.Contains(page, "go back to the terminal") {
		t.Errorf("%d: %s", status, page)
	}
	if status, _ := send(t, a.Redirect+"?code=another&state=the-state"); status != 200 {
		t.Errorf("loading the page again gives %d", status)
	}
	code, err := a.Wait(t.Context(), time.Minute)
	if err != nil || code.Reveal() != "c0de" {
		t.Errorf("%v", err)
	}
}

func TestAnswersToOtherLoginsChangeNothing(t *testing.T) {
	t.Parallel()
	a := listen(t, 0)
	for _, query := range []string{"?code=stolen&state=other", "?code=stolen", "?error=access_denied", ""} {
		if status, _ := send(t, a.Redirect+query); status != 400 {
			t.Errorf("%q gives %d", query, status)
		}
	}
	if status, _ := send(t, strings.TrimSuffix(a.Redirect, "callback")); status != 404 {
		t.Errorf("another path gives %d", status)
	}
	if _, err := a.Wait(t.Context(), time.Nanosecond); !errors.Is(err, browser.ErrNoAnswer) {
		t.Errorf("%v", err)
	}
	send(t, a.Redirect+"?code=c0de&state=the-state")
	if code, err := a.Wait(t.Context(), time.Minute); err != nil || code.Reveal() != "c0de" {
		t.Errorf("%v", err)
	}
}

func TestRefusalArrives(t *testing.T) {
	t.Parallel()
	for query, reason := range map[string]string{
		"error=access_denied&error_description=" + url.QueryEscape("User denied access"): "User denied access",
		"error=server_error": "server_error",
		"code=":              "the answer holds no code",
	} {
		a := listen(t, 0)
		if status, page := send(t, a.Redirect+"?state=the-state&"+query); status != 200 || !strings.Contains(page, "not logged in") {
			t.Errorf("%d: %s", status, page)
		}
		_, err := a.Wait(t.Context(), time.Minute)
		denied, ok := errors.AsType[*browser.DeniedError](err)
		if !ok || denied.Reason() != reason {
			t.Errorf("%s gives %v", query, err)
		}
	}
}

func TestFirstFreePortIsTaken(t *testing.T) {
	t.Parallel()
	taken := takePort(t)
	a := listen(t, taken, 0)
	if got := browser.Redirects(taken)[0]; a.Redirect == got {
		t.Errorf("it listens at %s, which is taken", got)
	}
	_, err := browser.Listen(t.Context(), "s", taken)
	full, ok := errors.AsType[*browser.PortsTakenError](err)
	if !ok || len(full.Ports) != 1 || full.Unwrap() == nil || !strings.Contains(full.Error(), "free") {
		t.Errorf("%v", err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	a := listen(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Wait(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPortIsGivenBack(t *testing.T) {
	t.Parallel()
	a, err := browser.Listen(t.Context(), "s", 0)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := url.Parse(a.Redirect)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(parsed.Port())
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	again := listen(t, port)
	if diff := cmp.Diff(browser.Redirects(port), []string{again.Redirect}); diff != "" {
		t.Error(diff)
	}
}
