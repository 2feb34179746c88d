package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// taskLasts is how long a deploy takes at the stand-in.
const taskLasts = 2 * time.Second

// standIn is as much of a BOSH Director as the broker's requests need, each
// answered after a latency (reference/director-api.md).
type standIn struct {
	*httptest.Server
	lasting  time.Duration // of a deploy
	requests atomic.Int64

	mu          sync.Mutex
	deployments map[string]string // manifest by name
	tasks       []boshTask
	running     int // index of the oldest task that may still run
}

type boshTask struct {
	ID          int    `json:"id"`
	State       string `json:"state"`
	Description string `json:"description"`
	Deployment  string `json:"deployment"`
	ContextID   string `json:"context_id"`
	Timestamp   int64  `json:"timestamp"`
	begun       time.Time
}

// newStandIn has so many deployments to begin with, named service-instance_old-N.
func newStandIn(t *testing.T, latency time.Duration, deployments int) *standIn {
	t.Helper()
	s := &standIn{lasting: taskLasts, deployments: map[string]string{}}
	for i := range deployments {
		name := fmt.Sprintf("service-instance_old-%d", i)
		s.deployments[name] = "name: " + name + "\n"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"name":"stand-in","version":"283.1.6 (00000000)","user":"admin","user_authentication":{"type":"basic","options":{}}}`)
	})
	mux.HandleFunc("GET /deployments", s.list)
	mux.HandleFunc("POST /deployments", s.deploy)
	mux.HandleFunc("GET /deployments/{name}", s.show)
	mux.HandleFunc("GET /deployments/{name}/vms", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"job":"master","id":"m","index":0,"ips":["10.0.0.2"],"active":true},{"job":"worker","id":"w","index":0,"ips":["10.0.0.3"],"active":true}]`)
	})
	mux.HandleFunc("GET /tasks", s.listTasks)
	mux.HandleFunc("GET /configs", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[]`) })
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if latency > 0 {
			<-time.After(latency)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *standIn) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	type summary struct {
		Name  string   `json:"name"`
		Teams []string `json:"teams"`
	}
	all := make([]summary, 0, len(s.deployments))
	for name := range s.deployments {
		all = append(all, summary{name, []string{}})
	}
	_ = json.NewEncoder(w).Encode(all)
}

func (s *standIn) show(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	manifest, ok := s.deployments[r.PathValue("name")]
	s.mu.Unlock()
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, `{"code":70000,"description":"Deployment '%s' doesn't exist"}`, r.PathValue("name"))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"manifest": manifest})
}

var manifestName = regexp.MustCompile(`(?m)^name: (\S+)$`)

func (s *standIn) deploy(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	name := manifestName.FindSubmatch(body)
	if err != nil || name == nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deployments[string(name[1])] = string(body)
	t := boshTask{
		ID: len(s.tasks) + 1, State: "processing", Description: "create deployment", Deployment: string(name[1]),
		ContextID: r.Header.Get("X-Bosh-Context-Id"), begun: time.Now(),
	}
	s.tasks = append(s.tasks, t)
	w.Header().Set("Location", fmt.Sprintf("%s/tasks/%d", s.URL, t.ID))
	w.WriteHeader(http.StatusFound)
}

func (s *standIn) listTasks(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	now := time.Now()
	for ; s.running < len(s.tasks) && now.Sub(s.tasks[s.running].begun) > s.lasting; s.running++ {
		s.tasks[s.running].State, s.tasks[s.running].Timestamp = "done", now.Unix()
	}
	from := 0
	if strings.Contains(q.Get("state"), "processing") {
		from = s.running
	}
	found := []boshTask{}
	for _, t := range s.tasks[from:] {
		if (q.Get("deployment") == "" || q.Get("deployment") == t.Deployment) && (q.Get("context_id") == "" || q.Get("context_id") == t.ContextID) {
			found = append(found, t)
		}
	}
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(found)
}
