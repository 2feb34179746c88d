package director

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/pks-community/pks-release/src/director/session"
)

// Instance is one instance as its agent tells of it (§11). Without a VM, and for
// errands between runs, JobState is empty and there are no vitals.
type Instance struct {
	Group string `json:"job_name"`
	ID    string `json:"id"`
	Index int    `json:"index"`
	AZ    string `json:"az"`
	VMCID string `json:"vm_cid"`
	// State is what the instance is to be: started, stopped, detached. JobState is
	// what it is: running, failing, stopped, "unresponsive agent", …
	State     string    `json:"state"`
	JobState  string    `json:"job_state"`
	IPs       []string  `json:"ips"`
	Bootstrap bool      `json:"bootstrap"`
	Ignored   bool      `json:"ignore"`
	Vitals    *Vitals   `json:"vitals"`
	Processes []Process `json:"processes"`

	// ExpectsVM tells an instance whose VM is missing from an errand between runs.
	ExpectsVM bool `json:"-"`
}

// Vitals are the figures of a VM that are used here, by disk: system, ephemeral,
// persistent.
type Vitals struct {
	Disk map[string]DiskUse `json:"disk"`
}

// DiskUse is how full a disk is: digits, as BOSH writes them.
type DiskUse struct {
	Percent      string `json:"percent"`
	InodePercent string `json:"inode_percent"`
}

// Process is one process of an instance's jobs.
type Process struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// instanceRow is what the Director's database knows of an instance.
type instanceRow struct {
	ID        string `json:"id"`
	ExpectsVM bool   `json:"expects_vm"`
}

// Instances asks every agent of a deployment how it is. That is a task of the
// Director: it takes half a second, and 15 seconds when an agent is silent.
// ErrNotFound when there is no such deployment.
func (c *Client) Instances(ctx context.Context, deployment string) ([]Instance, error) {
	var rows []instanceRow
	if err := c.readJSON(ctx, session.Request{Kind: "instances", Path: deploymentPath(deployment, "instances")}, &rows); err != nil {
		return nil, err
	}
	id, err := c.submitOnce(ctx, session.Request{
		Kind: "instances", Method: http.MethodGet, Path: deploymentPath(deployment, "instances"),
		Query: url.Values{"format": {"full"}},
	})
	if err != nil {
		return nil, err
	}
	task, err := c.Wait(ctx, id)
	if err != nil {
		return nil, err
	}
	if task.State != Done {
		return nil, fmt.Errorf("BOSH Director: task %d, which asks the agents, ended %s: %s", id, task.State, task.Result)
	}
	text, err := c.output(ctx, id, "result", 0)
	if err != nil {
		return nil, err
	}
	instances, err := jsonLines[Instance](text)
	if err != nil {
		return nil, err
	}
	for i := range instances {
		instances[i].ExpectsVM = slices.ContainsFunc(rows, func(row instanceRow) bool { return row.ID == instances[i].ID && row.ExpectsVM })
	}
	return instances, nil
}
