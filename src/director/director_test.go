package director

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scripted is a Director that answers as a test says and writes down what it was
// asked.
type scripted struct {
	mu     sync.Mutex
	asked  []string
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func newScripted(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) (*scripted, *Client) {
	t.Helper()
	s := &scripted{answer: answer}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL, Username: "admin", Password: "pw"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	quick := time.Millisecond
	c.pauses = pauses{read: []time.Duration{quick, quick, quick}, reconcile: []time.Duration{quick, quick}, poll: quick}
	return s, c
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
	n := len(s.asked)
	s.mu.Unlock()
	s.answer(n, w, r)
}

func (s *scripted) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func drop(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func redirect(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusFound)
}

func TestTaskIDIsTakenFromThePathOfTheRedirect(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]int{
		"https://DIRECTOR:25555/tasks/73": 73,
		"https://DIRECTOR/tasks/41":       41,
		"/tasks/7":                        7,
	} {
		_, c := newScripted(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Bosh-Context-Id") != "ctx" || r.Header.Get("Content-Type") != "text/yaml" {
				http.NotFound(w, r)
				return
			}
			redirect(w, location)
		})
		got, err := c.Deploy(t.Context(), "d1", []byte("name: d1"), Write{ContextID: "ctx"})
		if err != nil || got != want {
			t.Errorf("%s: %d, %v", location, got, err)
		}
	}
}

func TestRedirectThatNamesNoTaskIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	_, c := newScripted(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, "[]")
			return
		}
		redirect(w, "/somewhere")
	})
	if _, err := c.RunErrand(t.Context(), "d1", "e", nil, Write{ContextID: "ctx"}); !errors.Is(err, ErrOutcomeUnknown) {
		t.Error(err)
	}
}

func TestDeployWhoseAnswerIsLostIsFoundByItsContext(t *testing.T) {
	t.Parallel()
	s, c := newScripted(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 1:
			drop(w)
		case 2:
			fmt.Fprint(w, `[{"id":8,"context_id":"ctx"}]`) // older than the write
		default:
			fmt.Fprint(w, `[{"id":8,"context_id":"ctx"},{"id":9,"context_id":"ctx"}]`)
		}
	})
	got, err := c.Deploy(t.Context(), "d1", []byte("name: d1"), Write{ContextID: "ctx", After: 8})
	if err != nil || got != 9 {
		t.Errorf("%d, %v", got, err)
	}
	look := "GET /tasks?context_id=ctx&deployment=d1&verbose=2"
	if diff := cmp.Diff([]string{"POST /deployments", look, look}, s.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestErrandWhoseAnswerIsLostIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	s, c := newScripted(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			drop(w)
		}
		fmt.Fprint(w, `[]`)
	})
	if _, err := c.RunErrand(t.Context(), "d1", "e", nil, Write{ContextID: "ctx"}); !errors.Is(err, ErrOutcomeUnknown) {
		t.Error(err)
	}
	posts := 0
	for _, r := range s.requests() {
		if strings.HasPrefix(r, "POST") {
			posts++
		}
	}
	if posts != 1 {
		t.Errorf("%v", s.requests())
	}
}

func TestDeployIsSentAgainOnceNoTaskOfItIsFound(t *testing.T) {
	t.Parallel()
	s, c := newScripted(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch {
		case n == 1:
			drop(w)
		case r.Method == http.MethodGet:
			fmt.Fprint(w, `[]`)
		default:
			redirect(w, "/tasks/5")
		}
	})
	got, err := c.Deploy(t.Context(), "d1", []byte("name: d1"), Write{ContextID: "ctx"})
	if err != nil || got != 5 || len(s.requests()) != 4 {
		t.Errorf("%d, %v, %v", got, err, s.requests())
	}
}

func TestReadsAreRepeatedWhileTheDirectorIsAway(t *testing.T) {
	t.Parallel()
	_, c := newScripted(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 1:
			drop(w)
		case 2:
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<html>")
		default:
			fmt.Fprint(w, `{"id":3,"state":"queued","timestamp":null,"started_at":null,"result":null,"deployment":null}`)
		}
	})
	got, err := c.Task(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Task{ID: 3, State: Queued}, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		reason error
		text   string
	}{
		"not there":    {404, `{"code":70000,"description":"Deployment 'nope' doesn't exist"}`, ErrNotFound, "BOSH Director: deployment: not found (HTTP 404, code 70000): Deployment 'nope' doesn't exist"},
		"bad token":    {401, "Not authorized: '/deployments'\n", ErrUnauthenticated, "BOSH Director: deployment: the Director refuses the credentials (HTTP 401): Not authorized: '/deployments'"},
		"no scope":     {401, `{"code":600000,"description":"Require one of the scopes: bosh.admin"}`, ErrForbidden, "BOSH Director: deployment: the Director's client lacks a scope (HTTP 401, code 600000): Require one of the scopes: bosh.admin"},
		"bad request":  {400, `{"code":440001,"description":"Manifest should not be empty"}`, ErrRefused, "BOSH Director: deployment: the Director refuses the request (HTTP 400, code 440001): Manifest should not be empty"},
		"broken":       {500, ``, ErrUnavailable, "BOSH Director: deployment: the Director is unavailable (HTTP 500)"},
		"proxy's page": {502, `<html>password</html>`, ErrUnavailable, "BOSH Director: deployment: the Director is unavailable (HTTP 502)"},
		"not JSON":     {200, `garbage`, ErrUnavailable, "BOSH Director: deployment: the Director is unavailable: decode the answer: invalid character 'g' looking for beginning of value"},
		"cut off JSON": {200, `{"manifest":"na`, ErrUnavailable, "BOSH Director: deployment: the Director is unavailable: decode the answer: unexpected end of JSON input"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := newScripted(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			})
			_, err := c.Deployment(t.Context(), "nope")
			if !errors.Is(err, test.reason) || err.Error() != test.text {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestOutputRanges(t *testing.T) {
	t.Parallel()
	text := `{"time":1}` + "\n"
	for name, test := range map[string]struct {
		from   int64
		status int
		body   string
		want   string
	}{
		"whole":           {0, 200, text, text},
		"rest":            {4, 206, text[4:], text[4:]},
		"nothing new":     {11, 416, "Byte range unsatisfiable", ""},
		"range ignored":   {4, 200, text, text[4:]},
		"ignored at end":  {11, 200, text, ""},
		"file tidied off": {0, 204, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := newScripted(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				if want := map[bool]string{true: fmt.Sprintf("bytes=%d-", test.from)}[test.from > 0]; r.Header.Get("Range") != want {
					t.Errorf("range %q", r.Header.Get("Range"))
				}
				w.WriteHeader(test.status)
				if test.status != 204 {
					fmt.Fprint(w, test.body)
				}
			})
			got, err := c.EventOutput(t.Context(), 1, test.from)
			if err != nil || string(got) != test.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestTasksAreSortedByID(t *testing.T) {
	t.Parallel()
	_, c := newScripted(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"id":41},{"id":42},{"id":40}]`)
	})
	got, err := c.Tasks(t.Context(), TaskFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Task{{ID: 42}, {ID: 41}, {ID: 40}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestVMsLeavesOutInactiveOnes(t *testing.T) {
	t.Parallel()
	_, c := newScripted(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"job":"worker","id":"a","index":1,"az":null,"ips":["10.0.0.3"],"cid":"1","active":true},{"job":"worker","id":"b","index":0,"ips":[],"active":false}]`)
	})
	got, err := c.VMs(t.Context(), "d1")
	if err != nil || len(got) != 1 || got[0].ID != "a" || got[0].Addresses()[0].String() != "10.0.0.3" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestDiffWithABadManifestIsRefused(t *testing.T) {
	t.Parallel()
	_, c := newScripted(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"diff":[],"error":"Unable to diff manifest: #<Bosh>\n/var/stack.rb:1"}`)
	})
	_, err := c.Diff(t.Context(), "d1", []byte("x"))
	if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "stack.rb") {
		t.Error(err)
	}
}

func TestFailureIsTheLastErrorLine(t *testing.T) {
	t.Parallel()
	_, c := newScripted(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"stage":"x"}`+"\nnot json\n"+`{"time":1,"error":{"code":450001,"message":"pre-start failed"}}`)
	})
	got, err := c.Failure(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&EventFailure{450001, "pre-start failed"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, c := newScripted(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 3 {
			cancel()
		}
		fmt.Fprint(w, `{"id":1,"state":"processing"}`)
	})
	if _, err := c.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTasksTellWhatTheyDo(t *testing.T) {
	t.Parallel()
	errand := Task{Description: "run errand apply-addons from deployment d1", Deployment: "d1"}
	if name, ok := errand.Errand(); !ok || name != "apply-addons" {
		t.Errorf("%q %v", name, ok)
	}
	if _, ok := (Task{Description: "create deployment"}).Errand(); ok {
		t.Error("a deploy is no errand")
	}
	busy := Task{State: Errored, Result: "Failed to acquire lock for lock:deployment:d2 uid: X"}
	if !busy.LockBusy() || (Task{State: Done, Result: busy.Result}).LockBusy() {
		t.Error("lock")
	}
}

func FuzzParseEvents(f *testing.F) {
	f.Add([]byte(`{"time":1,"stage":"x","tags":["a"],"total":null,"task":"t","index":1,"state":"started","progress":0}` + "\n"))
	f.Add([]byte("\n\n{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, used := ParseEvents(text)
		if used > len(text) || (used > 0 && text[used-1] != '\n') || len(events) > used {
			t.Errorf("%d events of %d bytes, %d used", len(events), len(text), used)
		}
	})
}
