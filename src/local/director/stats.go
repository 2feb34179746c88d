package director

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// statsPayload is what a task that asks machines for their state is to do.
type statsPayload struct {
	Deployment string `json:"deployment"`
	// All includes instances without a machine.
	All bool `json:"all,omitempty"`
}

// instanceStats is one line of vms?format=full and instances?format=full
// (reference/director-api.md §11).
type instanceStats struct {
	VMCID           *string         `json:"vm_cid"`
	Active          *bool           `json:"active"`
	VMCreatedAt     *string         `json:"vm_created_at"`
	CloudProperties map[string]any  `json:"cloud_properties"`
	DiskCID         *string         `json:"disk_cid"`
	DiskCIDs        []string        `json:"disk_cids"`
	IPs             []string        `json:"ips"`
	AgentID         *string         `json:"agent_id"`
	JobName         string          `json:"job_name"`
	Index           int             `json:"index"`
	JobState        *string         `json:"job_state"`
	State           string          `json:"state"`
	VMType          string          `json:"vm_type"`
	Vitals          *vitalsReport   `json:"vitals"`
	Processes       []processReport `json:"processes"`
	AZ              *string         `json:"az"`
	ID              string          `json:"id"`
	Bootstrap       bool            `json:"bootstrap"`
	Ignore          bool            `json:"ignore"`
	Stemcell        map[string]any  `json:"stemcell"`
}

type vitalsReport struct {
	CPU    map[string]string            `json:"cpu"`
	Disk   map[string]map[string]string `json:"disk"`
	Load   []string                     `json:"load"`
	Mem    map[string]string            `json:"mem"`
	Swap   map[string]string            `json:"swap"`
	Uptime map[string]int64             `json:"uptime"`
}

type processReport struct {
	Name   string         `json:"name"`
	State  string         `json:"state"`
	Uptime map[string]any `json:"uptime"`
	Mem    map[string]any `json:"mem"`
	CPU    map[string]any `json:"cpu"`
}

// stats asks all machines of a deployment at once and writes a line for each.
func (d *Director) stats(ctx context.Context, t *task, payload statsPayload) (string, error) {
	instances, err := d.state.Instances(ctx, payload.Deployment)
	if err != nil {
		return "", err
	}
	if !payload.All {
		instances = slices.DeleteFunc(instances, func(i *state.Instance) bool { return i.VMCID == "" })
	}
	reports := make([]instanceStats, len(instances))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxThreads)
	for n, i := range instances {
		g.Go(func() error {
			var err error
			reports[n], err = d.report(ctx, i)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	for _, report := range reports {
		if err := t.result(report); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (d *Director) report(ctx context.Context, i *state.Instance) (instanceStats, error) {
	r := instanceStats{
		CloudProperties: map[string]any{}, DiskCIDs: []string{}, IPs: []string{}, JobName: i.Group, Index: i.Index,
		State: i.State, VMType: i.VMType, Processes: []processReport{}, AZ: absent(i.AZ), ID: i.ID, Bootstrap: i.Bootstrap,
		Ignore: i.Ignored, Stemcell: map[string]any{"name": nil, "version": nil, "api_version": nil},
	}
	if i.DiskCID != "" {
		r.DiskCID, r.DiskCIDs = &i.DiskCID, []string{i.DiskCID}
	}
	if i.VMCID == "" {
		return r, nil
	}
	active, created := true, vmTime(i)
	r.VMCID, r.Active, r.VMCreatedAt, r.AgentID, r.IPs = &i.VMCID, &active, &created, &i.AgentID, ipsOf(i)
	r.Stemcell = map[string]any{"name": i.VMStemcell.Name, "version": i.VMStemcell.Version, "api_version": stemcellAPIVersion}
	s, err := d.machines.State(ctx, i.VMCID)
	if isSilent(err) {
		jobState := "unresponsive agent"
		r.JobState = &jobState
		return r, pause(ctx, d.config.Timing.Agent/3)
	}
	if err != nil {
		return instanceStats{}, fmt.Errorf("ask %s for its state: %w", i.Slug(), err)
	}
	r.JobState = &s.Job
	r.Vitals = reportVitals(s.Vitals)
	for _, p := range s.Processes {
		r.Processes = append(r.Processes, reportProcess(p))
	}
	return r, nil
}

// stemcellAPIVersion is that of current stemcells.
const stemcellAPIVersion = 3

func reportProcess(p machine.Process) processReport {
	r := processReport{
		Name: p.Name, State: p.State, Uptime: map[string]any{}, Mem: map[string]any{"percent": 0}, CPU: map[string]any{"total": p.CPUPercent},
	}
	if p.State == "running" {
		r.Uptime["secs"] = int64(p.Uptime.Seconds())
		r.Mem["kb"] = p.MemKB
	}
	return r
}

func reportVitals(v machine.Vitals) *vitalsReport {
	decimal := func(f float64, digits int) string { return strconv.FormatFloat(f, 'f', digits, 64) }
	disk := func(percent int) map[string]string {
		return map[string]string{"inode_percent": strconv.Itoa(percent / 2), "percent": strconv.Itoa(percent)}
	}
	r := &vitalsReport{
		CPU:    map[string]string{"sys": decimal(v.CPUSys, 1), "user": decimal(v.CPUUser, 1), "wait": decimal(v.CPUWait, 1)},
		Disk:   map[string]map[string]string{"ephemeral": disk(v.EphemeralDisk), "system": disk(v.SystemDisk)},
		Load:   []string{decimal(v.Load[0], 2), decimal(v.Load[1], 2), decimal(v.Load[2], 2)},
		Mem:    map[string]string{"kb": strconv.FormatInt(v.MemKB, 10), "percent": strconv.Itoa(v.MemPercent)},
		Swap:   map[string]string{"kb": strconv.FormatInt(v.SwapKB, 10), "percent": strconv.Itoa(v.SwapPercent)},
		Uptime: map[string]int64{"secs": int64(v.Uptime.Seconds())},
	}
	if v.PersistentDisk >= 0 {
		r.Disk["persistent"] = disk(v.PersistentDisk)
	}
	return r
}

func absent(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func ipsOf(i *state.Instance) []string {
	ips := []string{}
	for _, a := range i.Addresses {
		ips = append(ips, a.IP.String())
	}
	return ips
}

func vmTime(i *state.Instance) string { return time.Unix(i.VMCreatedAt, 0).UTC().Format(time.RFC3339) }
