package director

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// actionPayload is one action on one instance (reference/director-api.md §9.2).
type actionPayload struct {
	Deployment string `json:"deployment"`
	Instance   string `json:"instance"`
	Action     string `json:"action"`
	SkipDrain  bool   `json:"skip_drain,omitempty"`
	Hard       bool   `json:"hard,omitempty"`
}

func (c *call) action() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	i, err := c.namedInstance(d)
	if err != nil {
		return err
	}
	action := c.vars["action"]
	return c.task(typeAction, action+" instance", d.Name, actionPayload{
		Deployment: d.Name, Instance: i.ID, Action: action, SkipDrain: c.is("skip_drain"), Hard: c.is("hard"),
	})
}

// act does one action on one instance with what was last applied to it. It does not bring the
// instance to a newer manifest.
func (d *Director) act(ctx context.Context, t *task, payload actionPayload) (string, error) {
	release, err := d.lockDeployment(ctx, t, payload.Deployment)
	if err != nil {
		return "", err
	}
	defer release()
	i, err := d.state.Instance(ctx, payload.Instance)
	if errors.Is(err, state.ErrNotFound) {
		return "", fault.New(fault.InstanceNotFound, "Instance '%s' doesn't exist", payload.Instance)
	}
	if err != nil {
		return "", err
	}
	audit := t.audit(ctx, payload.Action, "instance", i.Slug(), i.Deployment, i.Slug())
	err = d.actOn(ctx, t, i, payload)
	audit.end(ctx, err, nil)
	return i.Slug(), err
}

func (d *Director) actOn(ctx context.Context, t *task, i *state.Instance, payload actionPayload) error {
	updating := t.stage("Updating instance "+instanceStep(i), nil, noTotal)
	silent := func(int, string) {}
	how := stopping{skipDrain: payload.SkipDrain}
	if payload.Action == "recreate" || payload.Hard {
		how.next = machine.DeleteMachine
	}
	stop := func() error {
		return updating.run(ctx, "Stopping instance", func(*step) error {
			if i.VMCID == "" || i.State != state.Started {
				return nil
			}
			return d.stop(ctx, t, i, how, silent)
		})
	}
	remove := func() error {
		return updating.run(ctx, "Deleting VM", func(*step) error { return d.deleteMachine(ctx, t, i) })
	}
	create := func() error {
		return updating.run(ctx, "Creating VM", func(*step) error { return d.remake(ctx, t, i) })
	}
	start := func() error {
		return updating.run(ctx, "Starting instance", func(*step) error { return d.restartJobs(ctx, t, i) })
	}
	steps := map[string][]func() error{
		"restart":  {stop, start},
		"recreate": {stop, remove, create, start},
		"start":    {start},
		"stop":     {stop},
	}[payload.Action]
	wanted := state.Started
	switch {
	case payload.Action == "stop" && payload.Hard:
		steps, wanted = append(steps, remove), state.Detached
	case payload.Action == "stop":
		wanted = state.Stopped
	case payload.Action == "start" && i.VMCID == "":
		steps = []func() error{create, start}
	}
	for _, do := range steps {
		if err := do(); err != nil {
			return err
		}
	}
	i.State = wanted
	return d.state.SaveInstance(ctx, i)
}

// actionWatch is how long an action waits for an instance: the longest the Director's default update
// section allows.
func actionWatch() manifest.Watch { return manifest.Watch{From: time.Second, To: 5 * time.Minute} }

// remake makes a machine like the one an instance had.
func (d *Director) remake(ctx context.Context, t *task, i *state.Instance) error {
	spec, err := d.appliedSpec(ctx, i.ID)
	if err != nil {
		return err
	}
	ip := &instancePlan{
		Instance: i, group: &groupPlan{Group: &manifest.Group{VMType: i.VMType}, disk: i.DiskSize}, spec: spec, resolved: spec,
		stemcell: state.Stemcell{Name: spec.Stemcell.Name, OS: spec.Stemcell.OS, Version: spec.Stemcell.Version},
	}
	if ip.vmDigest, err = digest(spec, machineParts); err != nil {
		return err
	}
	p := &plan{d: d}
	return p.createMachine(ctx, t, ip)
}

// restartJobs applies what was last applied and starts it.
func (d *Director) restartJobs(ctx context.Context, t *task, i *state.Instance) error {
	spec, err := d.appliedSpec(ctx, i.ID)
	if err != nil {
		return err
	}
	if spec.Jobs == nil {
		return fault.New(fault.General, "Instance '%s' was never deployed", i.Slug())
	}
	spec.AgentID, spec.DiskCID = i.AgentID, i.DiskCID
	if err := d.agent(t, i, "prepare", d.machines.Prepare(ctx, i.VMCID, spec)); err != nil {
		return err
	}
	if err := d.configure(ctx, t, i, spec); err != nil {
		return err
	}
	return d.start(ctx, t, i, actionWatch(), func(int, string) {})
}

// logsPayload asks for the logs of instances.
type logsPayload struct {
	Deployment string   `json:"deployment"`
	Instances  []string `json:"instances"`
}

// matching returns the instances that a group or "*" and an index, an id or "*" select.
func (c *call) matching(d state.Deployment, group string, which []string) ([]*state.Instance, error) {
	all, err := c.d.state.Instances(c.r.Context(), d.Name)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(i *state.Instance) bool {
		if group != "*" && group != "" && i.Group != group {
			return true
		}
		return len(which) > 0 && !slices.ContainsFunc(which, func(w string) bool {
			return w == "*" || w == i.ID || w == strconv.Itoa(i.Index)
		})
	}), nil
}

func (c *call) logs() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	found, err := c.matching(d, c.vars["group"], []string{c.vars["instance"]})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fault.NotFound(fault.InstanceNotFound, "'%s/%s/%s' doesn't exist", d.Name, c.vars["group"], c.vars["instance"])
	}
	payload := logsPayload{Deployment: d.Name}
	for _, i := range found {
		payload.Instances = append(payload.Instances, i.ID)
	}
	return c.task(typeLogs, "fetch logs", d.Name, payload)
}

// fetchInstanceLogs packs what machines say about themselves. The result is the archive's id.
func (d *Director) fetchInstanceLogs(ctx context.Context, t *task, payload logsPayload) (string, error) {
	archives := map[string]string{}
	for _, id := range payload.Instances {
		i, err := d.state.Instance(ctx, id)
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		fetching := t.stage("Fetching logs for "+instanceStep(i), nil, 1)
		err = fetching.run(ctx, "Finding and packing log files", func(*step) error {
			files, err := d.logFiles(ctx, i)
			if err != nil {
				return err
			}
			archive, err := logArchive(files, time.Now())
			archives[fmt.Sprintf("%s.%s.tgz", i.Group, i.ID)] = string(archive)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	if len(archives) == 1 {
		for _, archive := range archives {
			return d.addBlob(ctx, []byte(archive))
		}
	}
	var id string
	err := t.stage("Fetching group of logs", nil, 1).run(ctx, "Packing log files together", func(*step) error {
		archive, err := logArchive(archives, time.Now())
		if err != nil {
			return err
		}
		id, err = d.addBlob(ctx, archive)
		return err
	})
	return id, err
}

// LogSource is implemented by drivers whose machines keep logs.
type LogSource interface {
	// Logs returns a machine's log files by their path below the log folder.
	Logs(ctx context.Context, cid string) (map[string]string, error)
}

func (d *Director) logFiles(ctx context.Context, i *state.Instance) (map[string]string, error) {
	source, ok := d.machines.(LogSource)
	if i.VMCID == "" || !ok {
		return map[string]string{}, nil
	}
	files, err := source.Logs(ctx, i.VMCID)
	if err != nil {
		return nil, fmt.Errorf("fetch logs of %s: %w", i.Slug(), err)
	}
	return files, nil
}

// sshPayload is a request to let a user onto machines, or off them.
type sshPayload struct {
	Deployment string   `json:"deployment"`
	Command    string   `json:"command"`
	Instances  []string `json:"instances"`
}

// sshAnswer is one machine's answer.
type sshAnswer struct {
	Command       string `json:"command"`
	Status        string `json:"status"`
	IP            string `json:"ip,omitempty"`
	HostPublicKey string `json:"host_public_key,omitempty"`
	ID            string `json:"id"`
	Index         int    `json:"index"`
	Job           string `json:"job"`
}

func (c *call) ssh() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	var wish struct {
		Command string `json:"command"`
		Target  struct {
			Job     string   `json:"job"`
			Indexes []string `json:"indexes"`
			IDs     []string `json:"ids"`
		} `json:"target"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	found, err := c.matching(d, wish.Target.Job, slices.Concat(wish.Target.Indexes, wish.Target.IDs))
	if err != nil {
		return err
	}
	payload := sshPayload{Deployment: d.Name, Command: wish.Command}
	for _, i := range found {
		payload.Instances = append(payload.Instances, i.ID)
	}
	quoted := func(texts []string) string {
		out := make([]string, len(texts))
		for n, text := range texts {
			out[n] = strconv.Quote(text)
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	description := fmt.Sprintf(`ssh: %s:{"job"=>%q, "indexes"=>%s, "ids"=>%s}`, wish.Command, wish.Target.Job, quoted(wish.Target.Indexes), quoted(wish.Target.IDs))
	return c.task(typeSSH, description, d.Name, payload)
}

// letIn answers for the machines' agents. Their host keys are made up from their ids: nothing listens.
func (d *Director) letIn(ctx context.Context, t *task, payload sshPayload) (string, error) {
	answers := []sshAnswer{}
	for _, id := range payload.Instances {
		i, err := d.state.Instance(ctx, id)
		if errors.Is(err, state.ErrNotFound) || err == nil && i.VMCID == "" {
			continue
		}
		if err != nil {
			return "", err
		}
		if _, err := d.machines.State(ctx, i.VMCID); err != nil {
			return "", d.agent(t, i, "ssh", errors.Join(machine.ErrUnresponsive, err))
		}
		answer := sshAnswer{Command: payload.Command, Status: "success", ID: i.ID, Index: i.Index, Job: i.Group}
		if payload.Command == "setup" {
			if ips := ipsOf(i); len(ips) > 0 {
				answer.IP = ips[0]
			}
			if answer.HostPublicKey, err = hostKey(i.AgentID); err != nil {
				return "", err
			}
		}
		answers = append(answers, answer)
	}
	return "", t.result(answers)
}

func hostKey(agent string) (string, error) {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, agent)
	key, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(seed).Public())
	if err != nil {
		return "", fmt.Errorf("make host key: %w", err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " root@vm\n", nil
}
