// Package machine is the seam between the embedded Director and whatever stands in for virtual
// machines. A Driver does what BOSH divides between a CPI (create, delete) and the agent on a VM
// (apply, run scripts, start, stop, report). The Director decides what and when; a Driver only does.
package machine

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// Errors a Driver answers with; test with errors.Is.
var (
	// ErrNotFound: there is no machine of that id.
	ErrNotFound = errors.New("machine not found")
	// ErrUnresponsive: the machine exists but its agent does not answer.
	ErrUnresponsive = errors.New("agent does not answer")
)

// Lifecycles of an instance group.
const (
	LifecycleService = "service"
	LifecycleErrand  = "errand"
)

// Spec is what the Director tells a machine to be: BOSH's "apply spec". It is plain data that
// survives JSON; its properties hold secrets in clear, so it must never be logged.
type Spec struct {
	// Deployment, Group, ID and Index name the instance; ID is its UUID and outlives its machine.
	Deployment string `json:"deployment"`
	Group      string `json:"group"`
	ID         string `json:"id"`
	Index      int    `json:"index"`
	AZ         string `json:"az"`
	// Bootstrap is true for exactly one instance of a group.
	Bootstrap bool `json:"bootstrap"`
	// Lifecycle is LifecycleService or LifecycleErrand.
	Lifecycle string `json:"lifecycle"`
	// AgentID is new with each machine.
	AgentID string `json:"agent_id"`
	// Address is how other instances reach this one: a BOSH DNS name or an IP.
	Address string `json:"address"`
	// Networks are the networks of the group in the manifest's order, IPs their addresses.
	Networks []Network    `json:"networks"`
	IPs      []netip.Addr `json:"ips"`
	// VMType and VMExtensions are names in the cloud-config, CloudProperties their merged content.
	VMType          string         `json:"vm_type"`
	VMExtensions    []string       `json:"vm_extensions,omitempty"`
	CloudProperties map[string]any `json:"cloud_properties,omitempty"`
	// PersistentDiskMB is 0 without a persistent disk. DiskCID names the disk; it is the same for
	// every machine the instance ever has.
	PersistentDiskMB int    `json:"persistent_disk,omitempty"`
	DiskCID          string `json:"disk_cid,omitempty"`
	// Stemcell is the image.
	Stemcell Stemcell `json:"stemcell"`
	// Releases maps the names of the deployment's releases to their versions.
	Releases map[string]string `json:"releases"`
	// Jobs is what the machine runs.
	Jobs []Job `json:"jobs"`
	// Env is the group's env section with variables filled in.
	Env map[string]any `json:"env,omitempty"`
	// Records are the DNS names of the deployment's instances and groups as BOSH DNS would answer
	// them (reference/cluster-manifest.md §3).
	Records map[string][]netip.Addr `json:"records,omitempty"`
}

// Network is one network of an instance.
type Network struct {
	Name    string     `json:"name"`
	IP      netip.Addr `json:"ip"`
	Range   string     `json:"range"`
	Gateway string     `json:"gateway,omitempty"`
	DNS     []string   `json:"dns,omitempty"`
}

// Stemcell names an image.
type Stemcell struct {
	Name    string `json:"name"`
	OS      string `json:"os"`
	Version string `json:"version"`
}

// Job is one job of a machine, everything resolved.
type Job struct {
	// Name, Release and Version say what it is.
	Name    string `json:"name"`
	Release string `json:"release"`
	Version string `json:"version"`
	// Properties are those the job declares, as a tree, with variables filled in. Properties without
	// a value in the manifest are absent: defaults belong to the release.
	Properties map[string]any `json:"properties"`
	// Links are the resolved links by the name in the job's specification; optional links without a
	// provider are absent.
	Links map[string]Link `json:"links,omitempty"`
	// Processes are the names of the job's monitored processes.
	Processes []string `json:"processes,omitempty"`
	// Errand says that the job can be run with RunErrand.
	Errand bool `json:"errand,omitempty"`
}

// Link is what a consumer sees of its provider.
type Link struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Deployment string         `json:"deployment"`
	Group      string         `json:"group"`
	Address    string         `json:"address"`
	Properties map[string]any `json:"properties"`
	Instances  []LinkInstance `json:"instances"`
}

// LinkInstance is one instance behind a link.
type LinkInstance struct {
	Name      string `json:"name"`
	ID        string `json:"id"`
	Index     int    `json:"index"`
	AZ        string `json:"az"`
	Address   string `json:"address"`
	Bootstrap bool   `json:"bootstrap"`
}

// Job returns the job called name.
func (s Spec) Job(name string) (Job, bool) {
	for _, j := range s.Jobs {
		if j.Name == name {
			return j, true
		}
	}
	return Job{}, false
}

// Script is one of the hooks a job may bring along (reference/bosh-release.md §7).
type Script string

// The hooks in the order in which an update runs them. Drain is the agent's drain action.
const (
	PreStop   Script = "pre-stop"
	Drain     Script = "drain"
	PostStop  Script = "post-stop"
	PreStart  Script = "pre-start"
	PostStart Script = "post-start"
)

// Next is what becomes of a machine that is being stopped.
type Next string

// What may become of it. Stay is a restart or a stop; the others say what is deleted and will not
// come back: the machine alone (the instance gets another one, with the same disk), the instance with
// it, or the whole deployment.
const (
	Stay             Next = ""
	DeleteMachine    Next = "delete-machine"
	DeleteInstance   Next = "delete-instance"
	DeleteDeployment Next = "delete-deployment"
)

// Environment is what hooks are told of it. The first three variables are BOSH's
// (reference/bosh-release.md §7); BOSH_INSTANCE_DELETED is set, to 1, for an instance that does not
// come back, so that a hook can tell that without the state of its own job.
func (n Next) Environment() map[string]string {
	word := func(deleted bool) string {
		if deleted {
			return "delete"
		}
		return "keep"
	}
	instance := n == DeleteInstance || n == DeleteDeployment
	env := map[string]string{
		"BOSH_VM_NEXT_STATE":         word(n != Stay),
		"BOSH_INSTANCE_NEXT_STATE":   word(instance),
		"BOSH_DEPLOYMENT_NEXT_STATE": word(n == DeleteDeployment),
	}
	if instance {
		env["BOSH_INSTANCE_DELETED"] = "1"
	}
	return env
}

// Values of State.Job.
const (
	JobRunning  = "running"
	JobFailing  = "failing"
	JobStarting = "starting"
	JobStopped  = "stopped"
)

// State is what an agent reports about its machine.
type State struct {
	// Job is the state of all processes taken together.
	Job       string
	Processes []Process
	Vitals    Vitals
}

// Process is one monitored process.
type Process struct {
	Name string
	// State is monit's word: running, failing, starting, unknown, initialized.
	State  string
	Uptime time.Duration
	// MemKB and CPUPercent are 0 when not known.
	MemKB      int64
	CPUPercent float64
}

// Vitals are the load figures of a machine.
type Vitals struct {
	// CPUUser, CPUSys and CPUWait are percentages.
	CPUUser, CPUSys, CPUWait float64
	// Load holds the averages over 1, 5 and 15 minutes.
	Load [3]float64
	// MemKB and MemPercent are memory in use, SwapKB and SwapPercent swap in use.
	MemKB, SwapKB           int64
	MemPercent, SwapPercent int
	// SystemDisk, EphemeralDisk and PersistentDisk are percentages in use; PersistentDisk is
	// negative on a machine without one.
	SystemDisk, EphemeralDisk, PersistentDisk int
	Uptime                                    time.Duration
}

// ErrandResult is the outcome of one run of a job's bin/run.
type ErrandResult struct {
	// ExitCode above 128 means that a signal ended the run.
	ExitCode       int
	Stdout, Stderr string
	// Logs are the files that the run left below /var/vcap/sys/log, by path, where the driver knows.
	Logs map[string]string
}

// Placement is a machine that should exist when the Director has been restarted.
type Placement struct {
	CID string
	// Deployment, Group, ID and Jobs (names) are known without reading the whole specification.
	Deployment, Group, ID string
	Index                 int
	Jobs                  []string
	// Started tells whether its jobs should run.
	Started bool
	// Spec returns the specification last applied. It reads and resolves, so a Driver calls it only
	// for machines that need it.
	Spec func(context.Context) (Spec, error)
}

// Driver makes and runs machines. Its methods may be called concurrently, for one machine only one
// at a time except State. Every method returns soon after its context ends. Errors that wrap
// ErrUnresponsive are shown as the Director shows a silent agent.
type Driver interface {
	// Create makes a machine with an agent and nothing else on it, and returns its id. The spec's
	// jobs are not applied.
	Create(ctx context.Context, spec Spec) (cid string, err error)
	// Prepare fetches what spec's jobs need while the old ones still run.
	Prepare(ctx context.Context, cid string, spec Spec) error
	// Apply configures spec's jobs. The jobs are stopped. The warnings are sentences for the operator
	// about what in the specification has no effect on this kind of machine; the Director shows each
	// of them once per task.
	Apply(ctx context.Context, cid string, spec Spec) (warnings []string, err error)
	// RunScript runs one hook of all jobs; a job without it is no error. The hooks of a stop are told
	// what comes next; for those of a start it is Stay.
	RunScript(ctx context.Context, cid string, script Script, next Next) error
	// Start starts the applied jobs' processes and does not wait for them; State tells.
	Start(ctx context.Context, cid string) error
	// Stop stops them and waits.
	Stop(ctx context.Context, cid string) error
	// State reports. It is cheap.
	State(ctx context.Context, cid string) (State, error)
	// RunErrand runs bin/run of job. A non-zero exit code is a result, not an error. When ctx ends
	// the run is ended with SIGTERM and its result (exit code 143) returned with a nil error.
	RunErrand(ctx context.Context, cid, job string) (ErrandResult, error)
	// Delete removes a machine; its persistent disk stays. A machine that is gone is no error.
	Delete(ctx context.Context, cid string) error
	// DeleteDisk removes a persistent disk that is attached to no machine.
	DeleteDisk(ctx context.Context, diskCID string) error
	// DeleteDeployment tells that nothing of the deployment is left.
	DeleteDeployment(ctx context.Context, deployment string) error
	// Watch is called once, before Recover: died is to be told the id of each machine that has ended
	// without having been deleted, or that Recover could not bring back. It may be called from anywhere, also from within Recover and while
	// locks are held, and returns at once. No death is reported after Close has returned.
	Watch(died func(cid string))
	// Recover is called once, before anything but Watch, with all machines that should exist. A machine
	// that cannot be recovered is reported as unresponsive by State, not as an error of Recover.
	Recover(ctx context.Context, placements []Placement) error
	// Close lets go of everything without changing what Recover would find.
	Close() error
}

// Service is something real that a simulated machine runs in place of a job's processes.
type Service interface {
	// Start makes the service of an instance available on the instance's addresses. Called again
	// for a running instance it takes over the new specification.
	Start(ctx context.Context, spec Spec) error
	// Stop ends it; what it stores stays. Stopping what does not run is no error.
	Stop(ctx context.Context, deployment, id string) error
	// DeleteDeployment removes everything stored for a deployment.
	DeleteDeployment(name string) error
}
