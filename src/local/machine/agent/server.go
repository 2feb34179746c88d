package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxRequest is the size of the largest plan accepted.
const maxRequest = 64 << 20

// serveHTTP answers until ctx ends; then running requests are cut off.
func (a *Agent) serveHTTP(ctx context.Context, listener net.Listener) error {
	var tunnels tunnels
	defer tunnels.close()
	server := &http.Server{
		Handler:           a.routes(&tunnels),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	var closer sync.WaitGroup
	defer closer.Wait()
	closing, end := context.WithCancel(ctx)
	defer end()
	closer.Go(func() {
		<-closing.Done()
		_ = server.Close()
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the agent: %w", err)
	}
	return nil
}

func (a *Agent) routes(t *tunnels) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+pathPlan, func(w http.ResponseWriter, r *http.Request) {
		var plan Plan
		if read(w, r, &plan) {
			answer(w, nil, a.apply(plan))
		}
	})
	mux.HandleFunc("POST "+pathStart, func(w http.ResponseWriter, _ *http.Request) {
		a.start()
		answer(w, nil, nil)
	})
	mux.HandleFunc("POST "+pathStop, func(w http.ResponseWriter, _ *http.Request) {
		a.stop()
		answer(w, nil, nil)
	})
	mux.HandleFunc("GET "+pathState, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, a.state(), nil)
	})
	mux.HandleFunc("POST "+pathScripts, func(w http.ResponseWriter, r *http.Request) {
		var request scriptRequest
		if read(w, r, &request) {
			answer(w, nil, a.runScript(r.Context(), request.Script))
		}
	})
	mux.HandleFunc("POST "+pathRuns, a.serveRun)
	mux.HandleFunc("POST "+pathCancel, func(w http.ResponseWriter, r *http.Request) {
		var request cancelRequest
		if read(w, r, &request) {
			a.abortRun(request.ID)
			answer(w, nil, nil)
		}
	})
	mux.HandleFunc("PUT "+pathHosts, func(w http.ResponseWriter, r *http.Request) {
		var names hosts
		if read(w, r, &names) {
			answer(w, nil, a.setHosts(names))
		}
	})
	mux.HandleFunc("GET "+pathDial, t.serve)
	return mux
}

func (a *Agent) setHosts(names hosts) error {
	if err := checkHosts(names); err != nil {
		return err
	}
	return writeFile(a.config.HostsFile, []byte(a.config.hostsFile(names)), 0o644)
}

// serveRun runs an errand or a command; it ends early when it is cancelled or its caller is gone.
func (a *Agent) serveRun(w http.ResponseWriter, r *http.Request) {
	var request runRequest
	if !read(w, r, &request) {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if err := a.registerRun(request.ID, cancel); err != nil {
		answer(w, nil, err)
		return
	}
	defer a.cancelRun(request.ID)
	var response runResponse
	var err error
	switch {
	case request.Errand != "":
		response.Result, err = a.runErrand(ctx, request.Errand)
	case request.Command != nil:
		response.Result, err = a.runCommand(ctx, *request.Command)
	default:
		err = errors.New("neither errand nor command")
	}
	answer(w, response, err)
}

func (a *Agent) registerRun(id string, cancel context.CancelFunc) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, exists := a.errands[id]; exists || id == "" {
		return fmt.Errorf("run %q: its id is empty or taken", id)
	}
	a.errands[id] = cancel
	if a.aborted[id] {
		delete(a.aborted, id)
		cancel()
	}
	return nil
}

// maxAborted bounds what is remembered of runs that were cancelled and never came.
const maxAborted = 1000

// abortRun cancels a run, also one that is still on its way.
func (a *Agent) abortRun(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cancel, exists := a.errands[id]; exists {
		cancel()
		return
	}
	if len(a.aborted) >= maxAborted {
		clear(a.aborted)
	}
	a.aborted[id] = true
}

// cancelRun ends a run and forgets it.
func (a *Agent) cancelRun(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cancel, exists := a.errands[id]; exists {
		cancel()
		delete(a.errands, id)
	}
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(into); err != nil {
		write(w, http.StatusBadRequest, failure{Error: fmt.Sprintf("read the request: %v", err)})
		return false
	}
	return true
}

func answer(w http.ResponseWriter, result any, err error) {
	if err != nil {
		write(w, http.StatusInternalServerError, failure{Error: err.Error()})
		return
	}
	if result == nil {
		result = struct{}{}
	}
	write(w, http.StatusOK, result)
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}
