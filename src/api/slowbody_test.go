package api_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/api"
)

// TestBodyThatNeverEndsIsRefusedInTime sends the beginning of a body and no more,
// over either protocol.
func TestBodyThatNeverEndsIsRefusedInTime(t *testing.T) {
	t.Parallel()
	const want = "The request body was not sent to its end within 50ms."
	w := newWorld(t, func(c *api.Config) { c.BodyTimeout = 50 * time.Millisecond })
	server := httptest.NewUnstartedServer(w.api.Handler())
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	t.Run("HTTP/1.1", func(t *testing.T) {
		dialer := tls.Dialer{Config: server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}
		dialer.Config.NextProtos = nil
		connection, err := dialer.DialContext(ctx, "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = connection.Close() }()
		deadline, _ := ctx.Deadline()
		if err := connection.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(connection, "POST /v1/clusters HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer cody\r\n"+
			"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		wantRefusal(t, answer, err, want)
	})
	t.Run("HTTP/2", func(t *testing.T) {
		body, hold := net.Pipe()
		defer func() { _ = hold.Close() }()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/v1/clusters", body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer cody")
		request.Header.Set("Content-Type", "application/json")
		answer, err := server.Client().Do(request)
		wantRefusal(t, answer, err, want)
	})
	if w.changes != 0 {
		t.Error("something was changed all the same")
	}
}

func wantRefusal(t *testing.T, answer *http.Response, err error, want string) {
	t.Helper()
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = answer.Body.Close() }()
	document, err := io.ReadAll(answer.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(document), want) {
		t.Errorf("%s %d %s", answer.Proto, answer.StatusCode, document)
	}
}
