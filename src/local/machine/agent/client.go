package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/machine"
)

// maxSocketPath is the longest path that a unix socket's address holds (unix(7): 108 with the end).
const maxSocketPath = 107

// Client talks to the agent of one machine from the host. Its methods return when their context ends
// and may be called concurrently. An agent that cannot be reached is machine.ErrUnresponsive.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient makes a client for the agent that listens at the path socket, of any length.
func NewClient(socket string) *Client {
	c := &Client{socket: socket}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.connect(ctx) },
		// A connection per request: a machine that is gone leaves none behind.
		DisableKeepAlives: true,
	}}
	return c
}

// connect opens the socket. A path that is too long is reached by way of its folder's descriptor.
func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	path := c.socket
	if len(path) > maxSocketPath {
		dir, err := os.Open(filepath.Dir(path))
		if err != nil {
			return nil, errors.Join(machine.ErrUnresponsive, err)
		}
		defer dir.Close()
		path = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, errors.Join(machine.ErrUnresponsive, err)
	}
	return conn, nil
}

// Apply takes over a plan: its files are written and those of an earlier plan that it lacks are
// removed. The processes must be stopped.
func (c *Client) Apply(ctx context.Context, plan Plan) error {
	return c.do(ctx, http.MethodPut, pathPlan, plan, nil)
}

// Start starts the plan's processes and does not wait for them. What runs already is left alone.
func (c *Client) Start(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, pathStart, struct{}{}, nil)
}

// Stop stops the processes in reverse order and waits. When ctx ends, the agent goes on stopping.
func (c *Client) Stop(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, pathStop, struct{}{}, nil)
}

// State reports. It is cheap.
func (c *Client) State(ctx context.Context) (machine.State, error) {
	var s machine.State
	err := c.do(ctx, http.MethodGet, pathState, nil, &s)
	return s, err
}

// RunScript runs a hook of all jobs at once. The error names the jobs whose hooks failed and quotes the
// last lines of their output. When ctx ends, the hooks are ended.
func (c *Client) RunScript(ctx context.Context, script machine.Script) error {
	return c.do(ctx, http.MethodPost, pathScripts, scriptRequest{Script: script}, nil)
}

// RunErrand runs bin/run of a job. A non-zero exit code is a result, not an error. When ctx ends the
// errand gets SIGTERM, and the result is that of the signal: exit code 143. Of each output at most the
// last MiB is kept.
func (c *Client) RunErrand(ctx context.Context, job string) (machine.ErrandResult, error) {
	return c.run(ctx, runRequest{Errand: job})
}

// Run runs a command in the machine, as RunErrand does.
func (c *Client) Run(ctx context.Context, command Command) (machine.ErrandResult, error) {
	return c.run(ctx, runRequest{Command: &command})
}

// cancelTimeout is how long an agent may take to hear that a run is cancelled; endTimeout how long the
// run may then take to end, for the agent itself ends it sooner.
const (
	cancelTimeout = 5 * time.Second
	endTimeout    = time.Minute
)

func (c *Client) run(ctx context.Context, request runRequest) (machine.ErrandResult, error) {
	request.ID = uuid.NewString()
	if ctx.Err() != nil {
		return machine.ErrandResult{}, ctx.Err()
	}
	// The request outlives ctx, so that the result of a cancelled run still comes back.
	running, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	ended := make(chan struct{})
	cancelled := make(chan struct{})
	go func() {
		defer close(cancelled)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		c.cancelRun(running, request.ID)
		select {
		case <-ended:
		case <-time.After(endTimeout):
			abandon()
		}
	}()
	var response runResponse
	err := c.do(running, http.MethodPost, pathRuns, request, &response)
	close(ended)
	<-cancelled
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return response.Result, err
}

func (c *Client) cancelRun(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	// Should it fail, the agent is gone and the run with it.
	_ = c.do(ctx, http.MethodPost, pathCancel, cancelRequest{ID: id}, nil)
}

// SetHosts makes names the whole content of the machine's hosts file, besides loopback and the machine
// itself.
func (c *Client) SetHosts(ctx context.Context, names map[string][]netip.Addr) error {
	return c.do(ctx, http.MethodPut, pathHosts, hosts(names), nil)
}

func (c *Client) do(ctx context.Context, method, path string, body, result any) error {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the request to the agent: %w", err)
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, content)
	if err != nil {
		return fmt.Errorf("ask the agent: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("ask the agent: %w", ctx.Err())
		case errors.Is(err, machine.ErrUnresponsive):
			return fmt.Errorf("ask the agent: %w", err)
		}
		return fmt.Errorf("ask the agent: %w", errors.Join(machine.ErrUnresponsive, err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return readFailure(response)
	}
	if result == nil {
		_, err = io.Copy(io.Discard, response.Body)
	} else {
		err = json.NewDecoder(response.Body).Decode(result)
	}
	if err != nil {
		return fmt.Errorf("read the agent's answer: %w", errors.Join(machine.ErrUnresponsive, err))
	}
	return nil
}

func readFailure(response *http.Response) error {
	var f failure
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&f); err != nil || f.Error == "" {
		return fmt.Errorf("the agent answered %s", response.Status)
	}
	return errors.New(f.Error)
}
