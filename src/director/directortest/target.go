// Package directortest is a conformance suite for BOSH Directors: it speaks raw HTTP and holds what
// reference/director-api.md records of a real one. The embedded Director must pass it, and a real one
// does when its address is given by environment.
package directortest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Target is the Director to be examined.
type Target struct {
	// URL is its base address.
	URL string
	// Client reaches it; nil is http.DefaultClient. Redirects are not followed.
	Client *http.Client
	// Authorize adds an administrator's credentials to a request.
	Authorize func(*http.Request)
	// Manifest returns the manifest of a deployment with the name and a group "worker" of so many
	// instances, each with one job that runs. Nil: nothing is deployed.
	Manifest func(name string, instances int) string
	// Patience is how long a task may take; a minute when 0.
	Patience time.Duration
}

// FromEnvironment returns the Director that the variables of the bosh CLI describe, with basic
// authentication: BOSH_ENVIRONMENT (an https address), BOSH_CA_CERT (a file), BOSH_CLIENT and
// BOSH_CLIENT_SECRET. PKS_DIRECTORTEST_MANIFEST may name a file with the words NAME and INSTANCES in
// it. It returns false when BOSH_ENVIRONMENT or the credentials are not set.
func FromEnvironment() (Target, bool, error) {
	address, user, secret := os.Getenv("BOSH_ENVIRONMENT"), os.Getenv("BOSH_CLIENT"), os.Getenv("BOSH_CLIENT_SECRET")
	if address == "" || user == "" {
		return Target{}, false, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return Target{}, false, fmt.Errorf("read system certificates: %w", err)
	}
	if file := os.Getenv("BOSH_CA_CERT"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return Target{}, false, fmt.Errorf("read BOSH_CA_CERT: %w", err)
		}
		if !pool.AppendCertsFromPEM(text) {
			return Target{}, false, errors.New("BOSH_CA_CERT holds no certificate")
		}
	}
	target := Target{
		URL:       strings.TrimSuffix(address, "/"),
		Client:    &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}},
		Authorize: func(r *http.Request) { r.SetBasicAuth(user, secret) },
		Patience:  30 * time.Minute,
	}
	if file := os.Getenv("PKS_DIRECTORTEST_MANIFEST"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return Target{}, false, fmt.Errorf("read PKS_DIRECTORTEST_MANIFEST: %w", err)
		}
		target.Manifest = func(name string, instances int) string {
			return strings.NewReplacer("NAME", name, "INSTANCES", strconv.Itoa(instances)).Replace(string(text))
		}
	}
	return target, true, nil
}

// Run examines the target.
func Run(t *testing.T, target Target) {
	t.Helper()
	if target.Patience == 0 {
		target.Patience = time.Minute
	}
	client := http.Client{}
	if target.Client != nil {
		client = *target.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s := &suite{Target: target, client: &client}
	for name, test := range map[string]func(*testing.T, *suite){
		"Info":               testInfo,
		"Refusals":           testRefusals,
		"ConfigsAreVersions": testConfigs,
		"ConfigDiffs":        testConfigDiffs,
		"UnknownObjects":     testUnknownObjects,
		"Manifests":          testManifests,
		"Tasks":              testTasks,
		"Life":               testLife,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

type suite struct {
	Target
	client *http.Client
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request as an administrator unless a header Authorization is given; headers are pairs,
// an empty value removes one.
func (s *suite) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	s.Authorize(r)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(text)}
}

// want sends a request and checks status and body.
func (s *suite) want(t *testing.T, status int, body, method, path, sent string, headers ...string) answer {
	t.Helper()
	a := s.do(t, method, path, sent, headers...)
	if a.status != status || a.body != body {
		t.Errorf("%s %s: %d %q, want %d %q", method, path, a.status, a.body, status, body)
	}
	return a
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatalf("%d %q is not JSON: %v", a.status, a.body, err)
	}
	return value
}

// taskOf returns the id of the task that a request made, after checking the redirect.
func taskOf(t *testing.T, a answer) int {
	t.Helper()
	location, err := url.Parse(a.header.Get("Location"))
	if a.status != http.StatusFound || err != nil || a.body != "" {
		t.Fatalf("no redirect to a task: %d %q", a.status, a.body)
	}
	id, err := strconv.Atoi(strings.TrimPrefix(location.Path, "/tasks/"))
	if err != nil || location.Scheme != "https" || location.Host == "" {
		t.Fatalf("Location is %q", location)
	}
	return id
}

type task struct {
	ID          int     `json:"id"`
	State       string  `json:"state"`
	Description string  `json:"description"`
	Timestamp   *int64  `json:"timestamp"`
	StartedAt   *int64  `json:"started_at"`
	Result      *string `json:"result"`
	User        string  `json:"user"`
	Deployment  *string `json:"deployment"`
	ContextID   string  `json:"context_id"`
}

// finish waits for a task's end, which must be as said.
func (s *suite) finish(t *testing.T, id int, state string) task {
	t.Helper()
	deadline := time.NewTimer(s.Patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		found := decode[task](t, s.do(t, "GET", fmt.Sprintf("/tasks/%d", id), ""))
		switch found.State {
		case "queued", "processing", "cancelling":
		default:
			if found.State != state {
				t.Fatalf("task %d ended %s, want %s\n%s", id, found.State, state, s.do(t, "GET", fmt.Sprintf("/tasks/%d/output?type=event", id), "").body)
			}
			return found
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("task %d is still %s", id, found.State)
		}
	}
}
