package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// patience bounds every command; it is far above what any needs.
const patience = 2 * time.Minute

// realPatience is for commands that wait for real machines.
const realPatience = 8 * time.Minute

// stack is one embedded PKS with a data folder and ports of its own.
type stack struct {
	t      *testing.T
	dir    string
	ports  int
	flags  []string
	client *http.Client
	as     *syscall.Credential // who runs the programs; nil: who runs the tests
	bin    string              // where they are; empty: where they were built
	real   *realMachines       // nil: simulated ones
	slow   bool                // packages are compiled
	said   []string            // what failed, to be said again below the logs
}

// startStack starts a stack and stops it when the test ends.
func startStack(t *testing.T, flags ...string) *stack {
	t.Helper()
	// Which machines are the default depends on what has been built before.
	flags = append([]string{"--machines", "simulated", "--vm-time", "50ms"}, flags...)
	return begin(t, &stack{t: t, dir: filepath.Join(t.TempDir(), "pks local"), flags: flags, bin: built.bin})
}

func begin(t *testing.T, s *stack) *stack {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			s.logTail()
			t.Logf("what failed:\n%s", strings.Join(s.said, "\n"))
		}
		s.local("down")
	})
	s.up()
	return s
}

// errorf fails the test and goes on. Where only the end of the output is kept, the reason is there too.
func (s *stack) errorf(format string, args ...any) {
	s.t.Helper()
	s.said = append(s.said, fmt.Sprintf(format, args...))
	s.t.Error(s.said[len(s.said)-1])
}

// fatalf fails the test and ends it.
func (s *stack) fatalf(format string, args ...any) {
	s.t.Helper()
	s.errorf(format, args...)
	s.t.FailNow()
}

// logTail shows the end of each program's log.
func (s *stack) logTail() {
	for _, program := range []string{"pks-local", "pks-broker", "pks-api"} {
		lines := strings.Split(s.local("logs", program).stdout, "\n")
		s.t.Logf("the end of the log of %s:\n%s", program, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
}

// up starts the stack on free ports; if somebody takes one of them in between,
// it tries others.
func (s *stack) up() {
	s.t.Helper()
	for range 5 {
		if s.ports == 0 {
			s.ports = freePorts(s.t)
		}
		args := append([]string{"up", "--ports-from", strconv.Itoa(s.ports), "--poll-interval", "100ms"}, s.flags...)
		r := s.local(args...)
		if r.code == 0 {
			s.client = s.trusting()
			return
		}
		if !strings.Contains(r.stderr, "is taken") {
			s.fatalf("pks-local up: %s%s", r.stdout, r.stderr)
		}
		s.ports = 0
	}
	s.t.Fatal("no free ports were found")
}

func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		first := 20000 + rand.IntN(12000) // below the range that the kernel gives to clients
		free := true
		for port := first; port < first+5 && free; port++ {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				free = false
				continue
			}
			l.Close()
		}
		if free {
			return first
		}
	}
	t.Fatal("no five free ports in a row")
	return 0
}

// result is what a command left behind.
type result struct {
	stdout, stderr string
	code           int
}

func (s *stack) patience() time.Duration {
	switch {
	case s.slow:
		return compilePatience
	case s.real != nil:
		return realPatience
	}
	return patience
}

func (s *stack) local(args ...string) result {
	s.t.Helper()
	return s.exec(s.program("pks-local"), nil, append(args, "--data-dir", s.dir)...)
}

func (s *stack) program(name string) string {
	if s.bin == "" {
		return filepath.Join(built.bin, name)
	}
	return filepath.Join(s.bin, name)
}

// pks runs the command line with a home of its own inside the data folder.
func (s *stack) pks(args ...string) result {
	s.t.Helper()
	return s.pksAs("client", args...)
}

// pksAs keeps one log-in per home, so that several users can act in one test.
func (s *stack) pksAs(home string, args ...string) result {
	s.t.Helper()
	return s.exec(s.program("pks"), s.env(home), args...)
}

func (s *stack) env(home string) []string {
	dir := filepath.Join(s.dir, home)
	return []string{"PKS_HOME=" + dir, "KUBECONFIG=" + filepath.Join(dir, "kubeconfig")}
}

func (s *stack) exec(program string, env []string, args ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), s.patience())
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(s.dir)}, env...)
	if s.real != nil {
		cmd.Env = append(cmd.Env, "PKS_KUBERNETES_CACHE="+s.real.cache)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r := result{stdout.String(), stderr.String(), 0}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		r.code = exit.ExitCode()
	} else if err != nil {
		s.fatalf("%s %v: %v", filepath.Base(program), args, err)
	}
	return r
}

// must fails the test unless the command succeeded.
func (s *stack) must(r result) string {
	s.t.Helper()
	if r.code != 0 {
		s.fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// refused fails the test unless the command failed with the code and said, in
// one short message without a stack trace, each of the words.
func (s *stack) refused(r result, code int, words ...string) {
	s.t.Helper()
	if r.code != code {
		s.errorf("exit code %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			s.errorf("%q is not in the message:\n%s", w, r.stderr)
		}
	}
	if strings.Contains(r.stderr, "goroutine ") || strings.Count(r.stderr, "\n") > 4 {
		s.errorf("not a short message:\n%s", r.stderr)
	}
}

func (s *stack) caFile() string { return filepath.Join(s.dir, "tls", "ca.pem") }

func (s *stack) url(offset int) string {
	return "https://127.0.0.1:" + strconv.Itoa(s.ports+offset)
}

func (s *stack) apiURL() string      { return s.url(0) }
func (s *stack) uaaURL() string      { return s.url(1) }
func (s *stack) directorURL() string { return s.url(2) }

// secret reads one password of the stack.
func (s *stack) secret(name string) string {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "secrets.yml"))
	if err != nil {
		s.t.Fatal(err)
	}
	var all map[string]string
	if err := yaml.Unmarshal(raw, &all); err != nil {
		s.t.Fatal(err)
	}
	if all[name] == "" {
		s.fatalf("there is no secret %s", name)
	}
	return all[name]
}

// login logs a user in, each into the home of its own name.
func (s *stack) login(home, user string) {
	s.t.Helper()
	s.must(s.pksAs(home, "login", "-a", s.apiURL(), "-u", user, "-p", s.secret(user+"_password"), "--ca-cert", s.caFile()))
}

func (s *stack) trusting() *http.Client {
	s.t.Helper()
	pem, err := os.ReadFile(s.caFile())
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{
		Timeout:   patience,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	}
}

// request is one HTTP request to the API.
type request struct {
	method, path, token, contentType, body string
}

// answer is its answer.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *stack) send(r request) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), r.method, s.apiURL()+r.path, strings.NewReader(r.body))
	if err != nil {
		s.t.Fatal(err)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	return s.do(req)
}

func (s *stack) do(req *http.Request) answer {
	s.t.Helper()
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// token fetches an access token for a user by the password grant.
func (s *stack) token(user string) string {
	s.t.Helper()
	form := url.Values{
		"grant_type": {"password"}, "client_id": {"pks_cli"}, "client_secret": {""},
		"username": {user}, "password": {s.secret(user + "_password")},
	}
	return s.grant(form)
}

func (s *stack) grant(form url.Values) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.uaaURL()+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	a := s.do(req)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &token); err != nil || token.AccessToken == "" {
		s.fatalf("no token: %d %s", a.status, a.body)
	}
	return token.AccessToken
}
