package browser

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// host is where the answer arrives. A name could be resolved to another machine
// (RFC 8252 §8.3).
const host = "127.0.0.1"

// Ports are those that UAA may send answers to: the addresses that Redirects gives
// for them are registered at its clients.
func Ports() []int { return []int{19021, 19022, 19023} }

// Redirects are the addresses to register for the ports.
func Redirects(ports ...int) []string {
	all := make([]string, len(ports))
	for i, port := range ports {
		all[i] = "http://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/callback"
	}
	return all
}

// PortsTakenError: other programs listen on every port that could be used.
type PortsTakenError struct {
	Ports []int
	Err   error // of the last one
}

func (e *PortsTakenError) Error() string {
	texts := make([]string, len(e.Ports))
	for i, port := range e.Ports {
		texts[i] = strconv.Itoa(port)
	}
	return fmt.Sprintf("none of the ports %s of this machine is free for the browser's answer", strings.Join(texts, ", "))
}

func (e *PortsTakenError) Unwrap() error { return e.Err }

// DeniedError: UAA's answer is a refusal.
type DeniedError struct{ Code, Description string }

// Reason is what UAA says.
func (e *DeniedError) Reason() string { return cmp.Or(e.Description, e.Code) }

func (e *DeniedError) Error() string { return "the login was refused: " + e.Reason() }

// ErrNoAnswer: nothing was sent back in time.
var ErrNoAnswer = errors.New("the browser sent no answer in time")

// Answer waits for what UAA sends back.
type Answer struct {
	Redirect string // where UAA must send it

	state  string
	server *http.Server
	result chan result
	ended  chan struct{}
}

type result struct {
	code pks.Secret
	err  error
}

// Listen takes the first of the ports that is free. State is what marks the answer
// as one to this question.
func Listen(ctx context.Context, state string, ports ...int) (*Answer, error) {
	var listener net.Listener
	taken := &PortsTakenError{Ports: ports}
	for _, port := range ports {
		var err error
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp4", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			break
		}
		taken.Err = err
	}
	if listener == nil {
		return nil, taken
	}
	a := &Answer{
		Redirect: "http://" + listener.Addr().String() + "/callback",
		state:    state, result: make(chan result, 1), ended: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", a.receive)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(a.ended)
		_ = a.server.Serve(listener) // ends with Close
	}()
	return a, nil
}

// Wait returns the code that UAA sent, a *DeniedError, or ErrNoAnswer when limit
// is over.
func (a *Answer) Wait(ctx context.Context, limit time.Duration) (pks.Secret, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r := <-a.result:
		return r.code, r.err
	case <-timer.C:
		return "", ErrNoAnswer
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// closing is how long the browser has to fetch the last page.
const closing = 2 * time.Second

// Close gives the port back.
func (a *Answer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		_ = a.server.Close()
	}
	<-a.ended
}

// receive answers the browser. What was not asked for here, such as the answer to
// an earlier login in a forgotten window, changes nothing.
func (a *Answer) receive(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(a.state)) != 1 {
		page(w, http.StatusBadRequest, "This is not the answer to the login that is under way. Go back to the terminal and log in again.")
		return
	}
	answer := readAnswer(query)
	select {
	case a.result <- answer:
	default: // the page was loaded again
	}
	if answer.err != nil {
		page(w, http.StatusOK, "You are not logged in. You can close this window and go back to the terminal.")
		return
	}
	page(w, http.StatusOK, "You can close this window and go back to the terminal.")
}

func readAnswer(query url.Values) result {
	if code := query.Get("error"); code != "" {
		return result{err: &DeniedError{Code: code, Description: query.Get("error_description")}}
	}
	if query.Get("code") == "" {
		return result{err: &DeniedError{Code: "the answer holds no code"}}
	}
	return result{code: pks.Secret(query.Get("code"))}
}

func page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<!doctype html>\n<html lang=\"en\"><title>PKS</title><p>%s</p></html>\n", html.EscapeString(text))
}
