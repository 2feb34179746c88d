package errand_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/errand/errandtest"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// lister is an errand that lists clusters.
type lister struct {
	errand.Common `yaml:",inline"`
	Fault         string `yaml:"fault"`
}

func (*lister) Name() string { return "lister" }

func (l *lister) Check() error {
	if l.Fault == "check" {
		return errors.New("fault is check")
	}
	return nil
}

func (l *lister) Run(ctx context.Context, site errand.Site) error {
	switch l.Fault {
	case "code":
		return &errand.ExitError{Code: 10, Err: errors.New("a code of its own")}
	case "two":
		return errors.Join(errors.New("first"), errors.New("second"))
	case "wait":
		<-ctx.Done()
		return ctx.Err()
	}
	clusters, err := errand.Persist(ctx, l.Patience(site.Journal), site.API.Clusters)
	if err == nil {
		site.Journal.Say("%d clusters", len(clusters.Value))
	}
	return err
}

func none(w http.ResponseWriter, r *http.Request) { errandtest.Answer(w, 200, []any{}) }

func TestConfigurationIsRefusedByKey(t *testing.T) {
	t.Parallel()
	server := errandtest.Serve(t, none)
	for want, change := range map[string]func(map[string]any){
		"api.url is missing":   func(c map[string]any) { c["api"] = map[string]any{} },
		"api.url must be":      func(c map[string]any) { c["api"] = map[string]any{"url": "http://user:hunter2@x"} },
		"api.ca: it holds no":  func(c map[string]any) { c["api"] = map[string]any{"url": "https://x", "ca": "nonsense"} },
		"uaa.url must be":      func(c map[string]any) { c["uaa"].(map[string]any)["url"] = "uaa" },
		"uaa.client_id":        func(c map[string]any) { delete(c["uaa"].(map[string]any), "client_id") },
		"uaa.client_secret":    func(c map[string]any) { delete(c["uaa"].(map[string]any), "client_secret") },
		"request_timeout is 0": func(c map[string]any) { c["request_timeout"] = "0s" },
		"polling_interval is":  func(c map[string]any) { c["polling_interval"] = "0s" },
		"outage_limit must be": func(c map[string]any) { c["outage_limit"] = []int{1} },
		"the key apis is not":  func(c map[string]any) { c["apis"] = 1 },
		"fault is check":       func(c map[string]any) { c["fault"] = "check" },
		"uaa.client_secret mu": func(c map[string]any) { c["uaa"].(map[string]any)["client_secret"] = []string{"hunter2"} },
	} {
		config := server.Config(nil)
		change(config)
		errandtest.Run(t.Context(), t, &lister{}, config, "-check-config").Want(t, errand.ExitUsage, want)
	}
	errandtest.Run(t.Context(), t, &lister{}, server.Config(nil), "-check-config").Want(t, errand.ExitOK)
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]struct {
		code int
		word string
	}{
		"":                  {errand.ExitUsage, "-config must be given"},
		"-config":           {errand.ExitUsage, "flag needs an argument"},
		"-nope":             {errand.ExitUsage, "-nope"},
		"-config x more":    {errand.ExitUsage, `no argument "more"`},
		"-config /nope.yml": {errand.ExitUsage, "/nope.yml"},
		"-version":          {errand.ExitOK, "lister 1.2.3"},
		"-h":                {errand.ExitOK, "-check-config"},
	} {
		var out bytes.Buffer
		code := errand.Main(t.Context(), &lister{}, "1.2.3", strings.Fields(args), &out, &out)
		errandtest.Outcome{Code: code, Stdout: out.String()}.Want(t, want.code, want.word)
	}
}

func TestOutcomesAsExitCodes(t *testing.T) {
	t.Parallel()
	server := errandtest.Serve(t, none)
	run := func(ctx context.Context, fault string) errandtest.Outcome {
		return errandtest.Run(ctx, t, &lister{}, server.Config(map[string]any{"fault": fault}))
	}
	run(t.Context(), "").Want(t, errand.ExitOK, "[lister] ", " 0 clusters\n")
	run(t.Context(), "code").Want(t, errand.ExitOrphans, "a code of its own")
	if o := run(t.Context(), "two"); o.Code != errand.ExitFailed || strings.Count(o.Stderr, "[lister] ") != 2 {
		t.Errorf("not a line for each error: %+v", o)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	run(ended, "wait").Want(t, errand.ExitTerminated)
}

func TestUAAIsAskedForAtTheAPI(t *testing.T) {
	t.Parallel()
	var server errandtest.Server
	server = errandtest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/actuator/info" {
			errandtest.Answer(w, 200, map[string]any{"uaa": map[string]any{"url": server.URL}})
			return
		}
		none(w, r)
	})
	config := server.Config(nil)
	delete(config["uaa"].(map[string]any), "url")
	errandtest.Run(t.Context(), t, &lister{}, config).Want(t, errand.ExitOK)
}

func TestWhatIsWrongForGoodIsToldAtOnce(t *testing.T) {
	t.Parallel()
	server := errandtest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		errandtest.Answer(w, 403, map[string]any{"error": "insufficient_scope", "error_description": "Insufficient scope"})
	})
	other := errandtest.Serve(t, none)
	wrong := server.Config(nil)
	wrong["uaa"].(map[string]any)["client_secret"] = "another"
	errandtest.Run(t.Context(), t, &lister{}, wrong).Want(t, errand.ExitFailed, "uaa.client_secret")
	errandtest.Run(t.Context(), t, &lister{}, server.Config(nil)).Want(t, errand.ExitFailed, "pks.clusters.admin")
	unknown := other.Config(nil)
	unknown["api"].(map[string]any)["ca"] = ""
	errandtest.Run(t.Context(), t, &lister{}, unknown).Want(t, errand.ExitFailed, "api.ca")
}

func TestAnOutageEndsTheErrandInTheEnd(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) },
		"page": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>")
		},
		"wrong JSON": func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"a":1}`) },
		"cut":        func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := errandtest.Serve(t, handle)
			errandtest.Run(t.Context(), t, &lister{}, server.Config(map[string]any{"outage_limit": "20ms"})).
				Want(t, errand.ExitFailed, "What has begun goes on", "no good answer for 20ms")
		})
	}
	t.Run("slow", func(t *testing.T) {
		t.Parallel()
		server := errandtest.Serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		errandtest.Run(t.Context(), t, &lister{}, server.Config(map[string]any{"outage_limit": "20ms", "request_timeout": "1s"})).
			Want(t, errand.ExitFailed, "no good answer for 20ms")
	})
}

var errLost = &apiclient.Error{Status: 500, Code: pks.CodeDeploymentLost, Body: "lost"}

func TestPersist(t *testing.T) {
	t.Parallel()
	away := &apiclient.UnreachableError{URL: "https://api", Trouble: apiclient.TroubleConnection, Err: errors.New("refused")}
	for name, test := range map[string]struct {
		err   error
		until time.Duration // when there is an answer
		want  error
		took  time.Duration
	}{
		"answers at once":       {nil, 0, nil, 0},
		"away for a while":      {away, time.Minute, nil, time.Minute},
		"away for longer":       {away, time.Hour, away, 2 * time.Minute},
		"UAA away":              {&uaa.Error{Kind: uaa.ErrUnreachable}, 30 * time.Second, nil, 30 * time.Second},
		"503":                   {&apiclient.Error{Status: 503, Body: "down"}, 30 * time.Second, nil, 30 * time.Second},
		"429":                   {&apiclient.Error{Status: 429, Body: "slow"}, 30 * time.Second, nil, 30 * time.Second},
		"one cluster's fault":   {errLost, time.Minute, errLost, 0},
		"unknown CA stays so":   {&apiclient.UnreachableError{Trouble: apiclient.TroubleUnknownCA, Err: apiclient.ErrBadCA}, time.Minute, apiclient.ErrBadCA, 0},
		"credentials are wrong": {&uaa.Error{Kind: uaa.ErrCredentialsRejected}, time.Minute, uaa.ErrCredentialsRejected, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun, notes := time.Now(), 0
				patience := errand.Patience{Pause: 10 * time.Second, Limit: 2 * time.Minute, Note: func(string) { notes++ }}
				_, err := errand.Persist(t.Context(), patience, func(context.Context) (int, error) {
					if test.err != nil && time.Since(begun) < test.until {
						return 0, test.err
					}
					return 1, nil
				})
				if !errors.Is(err, test.want) || time.Since(begun) != test.took {
					t.Errorf("%v after %s, want %v after %s", err, time.Since(begun), test.want, test.took)
				}
				if waited := test.took > 0; waited != (notes > 0) || notes > 2 {
					t.Errorf("%d notes", notes)
				}
			})
		})
	}
}

func TestJournalIsBoundedAndOneLineEach(t *testing.T) {
	t.Parallel()
	var out, bad bytes.Buffer
	journal := errand.NewJournal("x", &out, &bad)
	journal.Say("a\nb\x1b[31m%s", "é")
	journal.Complain("c\nd")
	if got := out.String() + bad.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "a b?[31mé\n") || !strings.Contains(got, " c d\n") {
		t.Errorf("%q", got)
	}
	for range 20000 {
		journal.Say("%s", strings.Repeat("y", 100))
	}
	journal.Conclude("the end")
	if out.Len() > 800<<10 || !strings.HasSuffix(out.String(), "the end\n") || strings.Count(out.String(), "left out here") != 1 {
		t.Errorf("%d bytes that end with %q", out.Len(), out.String()[out.Len()-200:])
	}
	_, lines := errandtest.Quiet("x")
	if diff := cmp.Diff([]string(nil), lines()); diff != "" {
		t.Error(diff)
	}
}
