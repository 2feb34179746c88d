package broker

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/director"
)

// fakeDirector is a Director whose tasks run until a test ends them. Its answers
// have the shapes that were recorded (reference/director-api.md).
type fakeDirector struct {
	t      *testing.T
	server *httptest.Server

	mu          sync.Mutex
	deployments map[string]*string // manifest; nil before the first success
	tasks       []*fakeTask
	configs     []director.BOSHConfig
	vms         map[string]string // by deployment: JSON of GET …/vms
	rows, stats string            // of GET …/instances: the Director's rows, and what agents say
	statsEnd    director.State    // how the task ends that asks them
	diff        string
	requests    []string
	selfEnding  bool // tasks are done by the time that somebody lists the running ones
	// fault, if set, sees each request first; true: it has answered.
	fault func(w http.ResponseWriter, r *http.Request) bool
}

type fakeTask struct {
	director.Task
	manifest string
	deletes  bool
	events   string
	output   string
}

func newFakeDirector(t *testing.T) *fakeDirector {
	t.Helper()
	f := &fakeDirector{t: t, deployments: map[string]*string{}, vms: map[string]string{}, statsEnd: director.Done, diff: `{"diff":[]}`}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /info", f.info)
	mux.HandleFunc("GET /deployments", f.list)
	mux.HandleFunc("POST /deployments", f.deploy)
	mux.HandleFunc("GET /deployments/{name}", f.show)
	mux.HandleFunc("DELETE /deployments/{name}", f.remove)
	mux.HandleFunc("GET /deployments/{name}/vms", f.showVMs)
	mux.HandleFunc("GET /deployments/{name}/instances", f.showInstances)
	mux.HandleFunc("GET /deployments/{name}/variables", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[]`) })
	mux.HandleFunc("POST /deployments/{name}/diff", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, f.diff) })
	mux.HandleFunc("POST /deployments/{name}/errands/{errand}/runs", f.errand)
	mux.HandleFunc("PUT /deployments/{name}/jobs/{group}", f.recreate)
	mux.HandleFunc("GET /tasks", f.listTasks)
	mux.HandleFunc("GET /tasks/{id}", f.showTask)
	mux.HandleFunc("GET /tasks/{id}/output", f.showOutput)
	mux.HandleFunc("DELETE /task/{id}", f.cancel)
	mux.HandleFunc("GET /configs", f.showConfigs)
	mux.HandleFunc("POST /configs", f.putConfig)
	mux.HandleFunc("DELETE /configs", f.deleteConfigs)
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		fault := f.fault
		f.mu.Unlock()
		if fault == nil || !fault(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fakeDirector) info(w http.ResponseWriter, r *http.Request) {
	user := "null"
	if _, _, ok := r.BasicAuth(); ok {
		user = `"admin"`
	}
	fmt.Fprintf(w, `{"name":"fake","version":"283.1.6 (00000000)","user":%s,"user_authentication":{"type":"basic","options":{}}}`, user)
}

func refuseUnknown(w http.ResponseWriter, name string) {
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, `{"code":70000,"description":"Deployment '%s' doesn't exist"}`, name)
}

func (f *fakeDirector) list(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []director.DeploymentSummary
	for name := range f.deployments {
		all = append(all, director.DeploymentSummary{Name: name})
	}
	writeJSON(w, all)
}

func (f *fakeDirector) show(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	manifest, ok := f.deployments[r.PathValue("name")]
	if !ok {
		refuseUnknown(w, r.PathValue("name"))
		return
	}
	writeJSON(w, map[string]*string{"manifest": manifest})
}

func (f *fakeDirector) showVMs(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.deployments[r.PathValue("name")]; !ok {
		refuseUnknown(w, r.PathValue("name"))
		return
	}
	if vms, ok := f.vms[r.PathValue("name")]; ok {
		fmt.Fprint(w, vms)
		return
	}
	fmt.Fprint(w, `[]`)
}

// showInstances tells the rows at once, and what agents say in the output of a task.
func (f *fakeDirector) showInstances(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("name")
	switch {
	case f.deployments[name] == nil:
		refuseUnknown(w, name)
	case r.URL.Query().Get("format") == "full":
		t := &fakeTask{Task: director.Task{Description: "retrieve vm-stats", Deployment: name}, output: f.stats}
		f.begin(w, r, t)
		f.end(t, f.statsEnd)
	default:
		fmt.Fprint(w, f.rows)
	}
}

func (f *fakeDirector) deploy(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != "text/yaml" {
		http.NotFound(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var m struct {
		Name string `yaml:"name"`
	}
	if yaml.Unmarshal(body, &m) != nil || m.Name == "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"code":40001,"description":"Deployment manifest must have a 'name' key"}`)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.deployments[m.Name]; !ok {
		f.deployments[m.Name] = nil
	}
	f.begin(w, r, &fakeTask{Task: director.Task{Description: "create deployment", Deployment: m.Name}, manifest: string(body)})
}

func (f *fakeDirector) recreate(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begin(w, r, &fakeTask{Task: director.Task{Description: "create deployment", Deployment: r.PathValue("name")}})
}

func (f *fakeDirector) remove(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("name")
	if _, ok := f.deployments[name]; !ok {
		refuseUnknown(w, name)
		return
	}
	f.begin(w, r, &fakeTask{Task: director.Task{Description: "delete deployment " + name, Deployment: name}, deletes: true})
}

func (f *fakeDirector) errand(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("name")
	f.begin(w, r, &fakeTask{
		Task:   director.Task{Description: "run errand " + r.PathValue("errand") + " from deployment " + name, Deployment: name},
		output: fmt.Sprintf(`{"instance":{"group":"master","id":"m0"},"errand_name":%q,"exit_code":0,"stdout":"","stderr":""}`+"\n", r.PathValue("errand")),
	})
}

func (f *fakeDirector) begin(w http.ResponseWriter, r *http.Request, t *fakeTask) {
	t.ID = len(f.tasks) + 1
	t.State = director.Processing
	t.ContextID = r.Header.Get("X-Bosh-Context-Id")
	f.tasks = append(f.tasks, t)
	w.Header().Set("Location", fmt.Sprintf("https://%s/tasks/%d", r.Host, t.ID))
	w.WriteHeader(http.StatusFound)
}

// finish ends a task as a Director would.
func (f *fakeDirector) finish(id int, state director.State, change ...func(*fakeTask)) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tasks[id-1]
	if !t.State.Running() {
		f.t.Fatalf("task %d has ended already", id)
	}
	for _, c := range change {
		c(t)
	}
	f.end(t, state)
}

func (f *fakeDirector) end(t *fakeTask, state director.State) {
	if !t.State.Running() {
		return
	}
	t.State, t.Timestamp = state, time.Now().Unix()
	if state != director.Done {
		return
	}
	if t.deletes {
		delete(f.deployments, t.Deployment)
	} else if t.manifest != "" {
		f.deployments[t.Deployment] = &t.manifest
	}
}

func (f *fakeDirector) listTasks(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	if f.selfEnding && q.Get("state") != "" {
		for _, t := range f.tasks {
			f.end(t, director.Done)
		}
	}
	all := []director.Task{}
	for _, t := range f.tasks {
		states := q.Get("state")
		if (q.Get("deployment") == "" || q.Get("deployment") == t.Deployment) &&
			(q.Get("context_id") == "" || q.Get("context_id") == t.ContextID) &&
			(states == "" || slices.Contains(strings.Split(states, ","), string(t.State))) {
			all = append(all, t.Task)
		}
	}
	writeJSON(w, all)
}

func (f *fakeDirector) task(w http.ResponseWriter, r *http.Request) *fakeTask {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || id > len(f.tasks) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"code":10000,"description":"Task %s not found"}`, r.PathValue("id"))
		return nil
	}
	return f.tasks[id-1]
}

func (f *fakeDirector) showTask(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.task(w, r); t != nil {
		writeJSON(w, t.Task)
	}
}

func (f *fakeDirector) showOutput(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.task(w, r)
	if t == nil {
		return
	}
	text := t.output
	if r.URL.Query().Get("type") == "event" {
		text = t.events
	}
	var from int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
		if from >= len(text) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			fmt.Fprint(w, "Byte range unsatisfiable")
			return
		}
		w.WriteHeader(http.StatusPartialContent)
	}
	fmt.Fprint(w, text[from:])
}

func (f *fakeDirector) cancel(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.task(w, r); t != nil {
		t.State = director.Cancelled
		w.WriteHeader(http.StatusNoContent)
	}
}

func (f *fakeDirector) showConfigs(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := []director.BOSHConfig{}
	for _, c := range f.configs {
		if c.Name == r.URL.Query().Get("name") {
			found = append(found, c)
		}
	}
	writeJSON(w, found)
}

func (f *fakeDirector) putConfig(w http.ResponseWriter, r *http.Request) {
	var c director.BOSHConfig
	if json.NewDecoder(r.Body).Decode(&c) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.configs = append(slices.DeleteFunc(f.configs, func(old director.BOSHConfig) bool { return old.Type == c.Type && old.Name == c.Name }), c)
	w.WriteHeader(http.StatusCreated)
	writeJSON(w, c)
}

func (f *fakeDirector) configNames() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, c := range f.configs {
		names = append(names, c.Type+"/"+c.Name)
	}
	slices.Sort(names)
	return names
}

func (f *fakeDirector) deleteConfigs(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.configs = slices.DeleteFunc(f.configs, func(c director.BOSHConfig) bool { return c.Name == r.URL.Query().Get("name") })
	w.WriteHeader(http.StatusNoContent)
}

// began lists the descriptions of the tasks there are.
func (f *fakeDirector) began() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, t := range f.tasks {
		all = append(all, t.Description)
	}
	return all
}

func (f *fakeDirector) deployed(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.deployments[name]; m != nil {
		return *m
	}
	return ""
}

// asked counts the requests since the last call.
func (f *fakeDirector) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.requests
	f.requests = nil
	return asked
}

func (f *fakeDirector) setFault(fault func(http.ResponseWriter, *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// dropAfter lets the Director take a request of the kind and drops the connection
// instead of answering, as often as times says.
func (f *fakeDirector) dropAfter(method, path string, times int) {
	inner := f.server.Config.Handler
	f.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		f.mu.Lock()
		hit := times > 0 && r.Method == method && strings.HasPrefix(r.URL.Path, path)
		if hit {
			times--
			f.fault = nil // the inner call is not to be dropped as well
		}
		f.mu.Unlock()
		if !hit {
			return false
		}
		inner.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "text/html;charset=utf-8") // as the real one
	_ = json.NewEncoder(w).Encode(v)
}
