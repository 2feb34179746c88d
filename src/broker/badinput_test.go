package broker

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

const generic = "There was a problem completing your request. Please contact your operations team"

func TestRequestsThatAreRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	instance, binding := instancePath("i1"), instancePath("i1")+"/service_bindings/b1"
	async, known := "?accepts_incomplete=true", "service_id=service-1&plan_id=plan-1"
	deep := strings.Repeat("[", 100_000)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"update without a body":             {"PATCH", instance + async, ``, 422, "EOF"},
		"update, not JSON":                  {"PATCH", instance + async, `{"service_id":`, 422, "unexpected EOF"},
		"update without a service":          {"PATCH", instance + async, `{"plan_id":"plan-1"}`, 400, "service_id missing"},
		"update of another service":         {"PATCH", instance + async, `{"service_id":"x","plan_id":"plan-1"}`, 400, "service-id not in the catalog"},
		"update to an unknown plan":         {"PATCH", instance + async, `{"service_id":"service-1","plan_id":"x"}`, 500, "plan x does not exist"},
		"update, not asynchronous":          {"PATCH", instance, `{"service_id":"service-1","plan_id":"plan-1"}`, 422, "AsyncRequired"},
		"update with a list of parameters":  {"PATCH", instance + async, `{"service_id":"service-1","plan_id":"plan-1","parameters":[]}`, 422, "The format of the parameters is not valid JSON"},
		"update with plan of a wrong type":  {"PATCH", instance + async, `{"service_id":"service-1","plan_id":7}`, 422, "plan_id of type string"},
		"update, previous values no object": {"PATCH", instance + async, `{"service_id":"service-1","previous_values":"x"}`, 422, "previous_values"},
		"update larger than 1 MiB":          {"PATCH", instance + async, strings.Repeat(" ", maxBody+1), 413, "larger than 1048576 bytes"},
		"provision nested without end":      {"PUT", instance + async, `{"parameters":` + deep, 422, "exceeded max depth"},
		"provision with text as context":    {"PUT", instance + async, `{"service_id":"service-1","plan_id":"x","context":"y"}`, 400, "plan-id not in the catalog"},
		"provision with null":               {"PUT", instance + async, `null`, 400, "service_id missing"},
		"id that climbs":                    {"PUT", "/v2/service_instances/..%2f..%2fx" + async, `{}`, 400, "the instance id must begin"},
		"id with a blank":                   {"PUT", "/v2/service_instances/a%20b" + async, `{}`, 400, "the instance id must begin"},
		"id that is too long":               {"GET", "/mgmt/service_instances/" + strings.Repeat("x", 129) + "/vms", ``, 400, "the instance id must begin"},
		"binding id with a slash":           {"PUT", instance + "/service_bindings/a%2Fb", `{}`, 400, "the binding id must begin"},
		"deletion without a service":        {"DELETE", instance + async + "&plan_id=plan-1", ``, 400, "service_id missing"},
		"deletion without a plan":           {"DELETE", instance + async + "&service_id=service-1", ``, 400, "plan_id missing"},
		"deletion in another service":       {"DELETE", instance + async + "&service_id=x&plan_id=plan-1", ``, 400, "service-id not in the catalog"},
		"deletion, not asynchronous":        {"DELETE", instance + "?" + known, ``, 422, "AsyncRequired"},
		"bind, not JSON":                    {"PUT", binding, `{]`, 422, "invalid character"},
		"bind without a service":            {"PUT", binding, `{"plan_id":"plan-1"}`, 400, "service_id missing"},
		"bind without a plan":               {"PUT", binding, `{"service_id":"service-1"}`, 400, "plan_id missing"},
		"bind to another service":           {"PUT", binding, `{"service_id":"x","plan_id":"plan-1"}`, 400, "service-id not in the catalog"},
		"bind to an unknown plan":           {"PUT", binding, `{"service_id":"service-1","plan_id":"x"}`, 500, "plan x does not exist"},
		"bind with a number as parameters":  {"PUT", binding, `{"service_id":"service-1","plan_id":"plan-1","parameters":5}`, 422, "The format of the parameters is not valid JSON"},
		"bind, resource of a wrong type":    {"PUT", binding, `{"service_id":"service-1","plan_id":"plan-1","bind_resource":[]}`, 422, "bind_resource"},
		"bind by a backup agent":            {"PUT", binding, `{"service_id":"service-1","plan_id":"plan-1","bind_resource":{"backup_agent":true}}`, 422, "service does not support backup agent binding"},
		"bind larger than 1 MiB":            {"PUT", binding, strings.Repeat(" ", maxBody+1), 413, "larger than 1048576 bytes"},
		"unbind without a service":          {"DELETE", binding + "?plan_id=plan-1", ``, 400, "service_id missing"},
		"unbind without a plan":             {"DELETE", binding + "?service_id=service-1", ``, 400, "plan_id missing"},
		"unbind from an unknown plan":       {"DELETE", binding + "?service_id=service-1&plan_id=x", ``, 500, `plan \"x\" not found`},
		"upgrade larger than 1 MiB":         {"PATCH", "/mgmt/service_instances/i1?operation_type=upgrade", strings.Repeat(" ", maxBody+1), 413, "larger than 1048576 bytes"},
		"preview, not JSON":                 {"POST", "/mgmt/service_instances/i1/preview", `[`, 422, "Error in request body. Invalid JSON"},
		"preview of an unknown plan":        {"POST", "/mgmt/service_instances/i1/preview", `{"plan_id":"x"}`, 500, "plan x does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			if got := h.send(c.method, c.path, c.body); got.Status != c.status || !strings.Contains(got.Body, c.says) {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			if asked := h.director.asked(); len(asked) != 0 {
				t.Errorf("the Director was asked: %v", asked)
			}
		})
	}
}

func TestFetchesOfOldClientsAreRefusedByVersion(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for path, want := range map[string]string{
		instancePath("i1"):                                         "get instance endpoint only supported starting with OSB version 2.14",
		instancePath("i1") + "/service_bindings/b1":                "get binding endpoint only supported starting with OSB version 2.14",
		instancePath("i1") + "/service_bindings/b1/last_operation": "get binding endpoint only supported starting with OSB version 2.14",
	} {
		req := newOSBRequest(t.Context(), http.MethodGet, path, "")
		req.Header.Set("X-Broker-API-Version", "2.13")
		w := httptest.NewRecorder()
		h.broker.Handler(nil).ServeHTTP(w, req)
		h.want(answer{w.Code, strings.TrimSpace(w.Body.String())}, 412, `{"description":"`+want+`"}`)
	}
	h.want(h.send("GET", instancePath("i1")+"/service_bindings/b1/last_operation", ""), 404, `{"description":"LastBindingOperation Not Implemented"}`)
}

// scripted makes the service adapter a shell script.
func scripted(t *testing.T, text string) func(*config.Config) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "adapter")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return func(c *config.Config) {
		c.ServiceAdapter.Path = path
		c.Broker.ExposeOperationalErrors = false
	}
}

func TestAdaptersThatGoWrongFailTheirRequestOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, says string }{
		"hangs":                    {"sleep 600 & wait", generic},
		"prints megabytes":         {"head -c 17000000 /dev/zero", generic},
		"prints megabytes of logs": {"head -c 17000000 /dev/zero >&2; exit 1", generic},
		"prints no JSON":           {"cat >/dev/null; echo 'name: topsecret'", generic},
		"prints invalid YAML":      {`cat >/dev/null; echo '{"manifest":"password: topsecret: ["}'`, generic},
		"prints nothing":           {"cat >/dev/null", generic},
		"another deployment":       {`cat >/dev/null; echo '{"manifest":"name: topsecret"}'`, generic},
		"latest release":           {`cat >/dev/null; echo '{"manifest":"name: service-instance_i1\nreleases: [{version: latest}]"}'`, generic},
		"exits 1 with a word":      {"cat >/dev/null; echo 'no more addresses'; echo topsecret >&2; exit 1", `{"description":"no more addresses"}`},
		"exits 1 without a word":   {"cat >/dev/null; echo topsecret >&2; exit 1", generic},
		"exits 2":                  {"exit 2", generic},
		"exits 10":                 {"exit 10", generic},
		"exits 41":                 {"exit 41", generic},
		"exits 42":                 {"exit 42", generic},
		"exits 49":                 {"exit 49", generic},
		"dies by a signal":         {"kill -SEGV $$", generic},
		"closes its input":         {"exec <&-; exit 1", generic},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, scripted(t, c.script), func(c *config.Config) {
				if name == "hangs" {
					c.ServiceAdapter.TimeoutSeconds = 1
				}
			})
			got := h.provision("i1", testPlan, `{}`)
			if got.Status != 500 || !strings.Contains(got.Body, c.says) || strings.Contains(got.Body, "topsecret") {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			if began := h.director.began(); len(began) != 0 {
				t.Errorf("tasks: %v", began)
			}
		})
	}
}

func TestBindingsByExitCode(t *testing.T) {
	t.Parallel()
	const request = `{"service_id":"service-1","plan_id":"plan-1"}`
	for name, c := range map[string]struct {
		script string
		unbind bool
		status int
		says   string
	}{
		"made":              {`echo '{"credentials":{"a":1}}'`, false, 201, `{"credentials":{"a":1}}`},
		"made before":       {"exit 49", false, 409, `{"description":"binding already exists"}`},
		"no application":    {"exit 42", false, 422, "app_guid is a required field but was not provided"},
		"not offered":       {"exit 10", false, 500, generic},
		"speaks":            {"echo 'try later'; exit 1", false, 500, `{"description":"try later"}`},
		"no binding":        {`echo '{"credentials":"topsecret'`, false, 500, generic},
		"removed":           {"", true, 200, `{}`},
		"removed before":    {"exit 41", true, 410, `{}`},
		"removal fails":     {"echo topsecret >&2; exit 1", true, 500, generic},
		"removal unoffered": {"exit 10", true, 500, generic},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeDirector(t)
			newHarnessOn(t, f).created("i1", `{}`)
			h := newHarnessOn(t, f, scripted(t, "cat >/dev/null; "+c.script))
			got := h.send("PUT", instancePath("i1")+"/service_bindings/b1", request)
			if c.unbind {
				got = h.send("DELETE", instancePath("i1")+"/service_bindings/b1?service_id=service-1&plan_id=plan-1", "")
			}
			if got.Status != c.status || !strings.Contains(got.Body, c.says) || strings.Contains(got.Body, "topsecret") {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
	}
}

// requestKinds are one request of each kind that talks to the Director about the
// instance i1, which exists.
func requestKinds() map[string]func(*harness) answer {
	process := `{"plan_id":"plan-1","context":{}}`
	return map[string]func(*harness) answer{
		"provision": func(h *harness) answer { return h.provision("i1", testPlan, `{"a":1}`) },
		"update":    func(h *harness) answer { return h.update("i1", testPlan, `{"a":2}`) },
		"delete":    func(h *harness) answer { return h.deprovision("i1", testPlan) },
		"errand":    func(h *harness) answer { return h.deprovision("i1", withErrands) },
		"bind": func(h *harness) answer {
			return h.send("PUT", instancePath("i1")+"/service_bindings/b1", `{"service_id":"service-1","plan_id":"plan-1"}`)
		},
		"unbind": func(h *harness) answer {
			return h.send("DELETE", instancePath("i1")+"/service_bindings/b1?service_id=service-1&plan_id=plan-1", "")
		},
		"poll": func(h *harness) answer {
			return h.lastOperation("i1", `{"BoshTaskID":1,"BoshContextID":"x","OperationType":"update"}`)
		},
		"upgrade": func(h *harness) answer {
			return h.send("PATCH", "/mgmt/service_instances/i1?operation_type=upgrade", process)
		},
		"recreate": func(h *harness) answer {
			return h.send("PATCH", "/mgmt/service_instances/i1?operation_type=recreate", process)
		},
		"preview": func(h *harness) answer { return h.send("POST", "/mgmt/service_instances/i1/preview", process) },
		"cancel":  func(h *harness) answer { return h.send("POST", "/mgmt/service_instances/i1/cancel", "") },
		"vms":     func(h *harness) answer { return h.send("GET", "/mgmt/service_instances/i1/vms", "") },
	}
}

func TestDirectorsThatGoWrong(t *testing.T) {
	t.Parallel()
	faults := map[string]http.HandlerFunc{
		"refuses the credentials": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "Not authorized: '/deployments'\n")
		},
		"fails": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"code":100,"description":"topsecret"}`)
		},
		"is behind a proxy that fails": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html><h1>topsecret</h1></html>")
		},
		"talks garbage": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "topsecret \x00\xff") },
		"talks of something else": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `[{"manifest":{"topsecret":1},"id":"x"}]`)
		},
		"breaks off in the middle of an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, `[{"manifest":"topsecret`)
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for fault, do := range faults {
		for kind, send := range requestKinds() {
			t.Run(fault+"/"+kind, func(t *testing.T) {
				t.Parallel()
				h := newHarness(t, func(c *config.Config) { c.Broker.ExposeOperationalErrors = false })
				h.created("i1", `{"a":1}`)
				h.director.setFault(func(w http.ResponseWriter, r *http.Request) bool {
					do(w, r)
					return true
				})
				got := send(h)
				told := strings.Contains(got.Body, generic) || strings.Contains(got.Body, "please try again later") || strings.Contains(got.Body, "Unable to delete service")
				if got.Status != 500 || !told || strings.Contains(got.Body, "topsecret") || strings.Contains(got.Body, "pw") {
					t.Errorf("%d %s", got.Status, got.Body)
				}
				if began := h.director.began(); len(began) != 1 {
					t.Errorf("tasks: %v", began)
				}
			})
		}
	}
}

// TestWritesAreNeverBegunTwice lets the Director take each kind of write and hang
// up, and be away for a while when it is asked what became of it.
func TestWritesAreNeverBegunTwice(t *testing.T) {
	t.Parallel()
	kinds := requestKinds()
	for _, kind := range []string{"update", "delete", "errand", "recreate"} {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/away=%t", kind, away), func(t *testing.T) {
				t.Parallel()
				h := newHarness(t)
				h.created("i1", `{"a":1}`)
				taken := false
				inner := h.director.server.Config.Handler
				h.director.setFault(func(w http.ResponseWriter, r *http.Request) bool {
					switch {
					case !taken && slices.Contains([]string{"POST", "PUT", "DELETE"}, r.Method):
						taken = true
						h.director.setFault(nil)
						inner.ServeHTTP(httptest.NewRecorder(), r)
						if away {
							h.director.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
								w.WriteHeader(http.StatusServiceUnavailable)
								return true
							})
						}
						panic(http.ErrAbortHandler)
					default:
						return false
					}
				})
				first := kinds[kind](h)
				if away {
					if first.Status != 500 {
						t.Fatalf("%d %s", first.Status, first.Body)
					}
					h.director.setFault(nil)
					second := kinds[kind](h)
					if want := map[bool]int{true: 409, false: 202}[kind == "recreate"]; second.Status != want {
						t.Errorf("%d %s", second.Status, second.Body)
					}
				} else if first.Status != 202 {
					t.Errorf("%d %s", first.Status, first.Body)
				}
				if began := h.director.began(); len(began) != 2 {
					t.Errorf("tasks: %v", began)
				}
			})
		}
	}
}

func TestProvisionWhoseOutcomeIsUnknownIsFoundByTheNextOne(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	inner := h.director.server.Config.Handler
	h.director.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		h.director.setFault(nil)
		inner.ServeHTTP(httptest.NewRecorder(), r)
		h.director.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		panic(http.ErrAbortHandler)
	})
	if got := h.provision("i1", testPlan, `{}`); got.Status != 500 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	h.director.setFault(nil)
	if op := h.accepted(h.provision("i1", testPlan, `{}`)); taskOf(t, op) != 1 {
		t.Error(op)
	}
	h.wantTasks(deploysTask)
}

func TestTokenThatIsRefusedOnceIsReplacedUnnoticed(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	grants, refused := 0, false
	uaa := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		grants++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"t%d","token_type":"bearer","expires_in":600}`, grants)
	}))
	t.Cleanup(uaa.Close)
	f.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/info" {
			fmt.Fprintf(w, `{"version":"283.1.6","user_authentication":{"type":"uaa","options":{"url":%q}}}`, uaa.URL)
			return true
		}
		if r.Method == http.MethodPost && !refused {
			refused = true
			http.Error(w, "Not authorized: '/deployments'", http.StatusUnauthorized)
			return true
		}
		return false
	})
	h := newHarnessOn(t, f)
	d, err := director.New(director.Config{URL: f.server.URL, ClientID: "c", ClientSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	h.broker.director = d
	h.accepted(h.provision("i1", testPlan, `{}`))
	h.wantTasks(deploysTask)
	if grants != 2 || !refused {
		t.Errorf("%d grants", grants)
	}
}
