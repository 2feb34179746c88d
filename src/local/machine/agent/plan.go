// Package agent is the BOSH agent of a process machine: the first process in the machine's namespaces,
// which lays out jobs, keeps their processes running as monit would, runs hooks and errands, and answers
// its Director over a unix socket.
package agent

import (
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
)

// Plan is everything a machine runs. It is what a release's templates would have rendered: plain
// data that survives JSON. Files hold secrets, so a Plan must never be logged.
type Plan struct {
	Jobs []Job `json:"jobs"`
}

// Job is one rendered job.
type Job struct {
	Name  string `json:"name"`
	Files []File `json:"files,omitempty"`
	// Processes are started in the order of the plan, each when those before it are ready, and
	// stopped in reverse order.
	Processes []Process `json:"processes,omitempty"`
	// Hooks are the job's scripts; a missing hook does nothing.
	Hooks map[machine.Script]Command `json:"hooks,omitempty"`
	// Errand is bin/run.
	Errand *Command `json:"errand,omitempty"`
}

// File is a file that the job needs, written before its pre-start. A folder is made when missing.
type File struct {
	Path    string `json:"path"` // absolute, inside the machine
	Mode    uint32 `json:"mode"` // permission bits; secrets are 0600
	Content []byte `json:"content"`
}

// Command is something to execute inside the machine.
type Command struct {
	Args []string          `json:"args"` // Args[0] is an absolute path or is looked up in PATH
	Env  map[string]string `json:"env,omitempty"`
	// Timeout ends it; 0 is none. Hooks and errands only.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Process is a monitored process. It is restarted when it ends, with a growing pause.
type Process struct {
	Name    string  `json:"name"`
	Command Command `json:"command"`
	// Log is the path that takes its output, inside the machine.
	Log string `json:"log"`
	// Ready tells when it serves; nil: as soon as it runs.
	Ready *Probe `json:"ready,omitempty"`
	// StopTimeout is the time from SIGTERM to SIGKILL.
	StopTimeout time.Duration `json:"stop_timeout"`
}

// Probe asks whether a process serves. Exactly one field is set.
type Probe struct {
	// HTTPS is a URL that answers 200; its certificate is not checked, for it is only a sign of life.
	HTTPS string `json:"https,omitempty"`
	// HTTP is a URL that answers 200.
	HTTP string `json:"http,omitempty"`
	// TCP is an address that accepts connections.
	TCP string `json:"tcp,omitempty"`
	// Unix is the path of a socket that accepts connections.
	Unix string `json:"unix,omitempty"`
	// File is a path that exists.
	File string `json:"file,omitempty"`
}
