package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// standInBroker is a broker whose tasks take a second. When it hangs, it answers
// nothing.
type standInBroker struct {
	*httptest.Server

	hangs    atomic.Bool
	requests atomic.Int64
	ended    chan struct{}

	mu    sync.Mutex
	tasks map[string]time.Time // when each began
	most  int                  // that ran at one time
}

const upgradeLasts = time.Second

func newStandInBroker(t *testing.T) *standInBroker {
	t.Helper()
	b := &standInBroker{tasks: map[string]time.Time{}, ended: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v2/service_instances/{id}", b.begin)
	mux.HandleFunc("PATCH /mgmt/service_instances/{id}", b.begin)
	mux.HandleFunc("GET /v2/service_instances/{id}/last_operation", func(w http.ResponseWriter, r *http.Request) {
		if b.running(r.PathValue("id")) {
			_, _ = fmt.Fprint(w, `{"state":"in progress"}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"state":"succeeded"}`)
	})
	mux.HandleFunc("GET /mgmt/service_instances/{id}/progress", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"task_id":1,"state":"processing","percent":50,"offset":0,"events":[]}`)
	})
	mux.HandleFunc("GET /mgmt/service_instances/{id}/vms", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"instance_groups":{"master":["10.0.0.2"],"worker":["10.0.0.3"]}}`)
	})
	b.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		if b.hangs.Load() {
			select {
			case <-b.ended:
			case <-r.Context().Done():
			}
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		close(b.ended)
		b.Close()
	})
	return b
}

func (b *standInBroker) begin(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.tasks[r.PathValue("id")] = time.Now()
	running := 0
	for _, began := range b.tasks {
		if time.Since(began) < upgradeLasts {
			running++
		}
	}
	b.most = max(b.most, running)
	b.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]any{"operation": "op-1"})
}

func (b *standInBroker) running(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(b.tasks[id]) < upgradeLasts
}

// begun is how many instances had a task, and how many had one at one time.
func (b *standInBroker) begun() (instances, atOnce int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.tasks), b.most
}
