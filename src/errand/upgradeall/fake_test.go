package upgradeall_test

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	oldVersion = "1.0.0"
	newVersion = "2.0.0"
	kubernetes = "1.34.2"
)

// platform is an API with clusters whose upgrades take some looks each.
type platform struct {
	clusters []v1.Cluster
	fails    map[string]int // how many of its upgrades fail
	looks    int            // of each turn
	away     map[int]error  // by the number of the call: what is answered instead
	task     v1.TaskInfo
	turns    map[string]int
	asked    []v1.UpgradeClustersRequest
	cancels  int
	changed  map[string]bool  // whose manifest would become another
	hidden   map[string]error // whose preview is refused
	previews [][]string
	calls    int
	before   func(call int) // called before each
}

func newPlatform(names ...string) *platform {
	p := &platform{fails: map[string]int{}, looks: 1, away: map[int]error{}, turns: map[string]int{}}
	for _, name := range names {
		p.clusters = append(p.clusters, v1.Cluster{
			Name: name, UUID: "uuid-" + name, PlanName: "small", KubernetesVersion: kubernetes, PKSVersion: oldVersion,
			LastAction: "CREATE", LastActionState: "succeeded", AvailableUpgrades: []v1.Upgrade{{Component: "pks", Version: newVersion}},
		})
	}
	return p
}

func (p *platform) cluster(name string) *v1.Cluster {
	i := slices.IndexFunc(p.clusters, func(c v1.Cluster) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &p.clusters[i]
}

func (p *platform) upToDate(name string) {
	c := p.cluster(name)
	c.PKSVersion, c.AvailableUpgrades = newVersion, nil
}

func (p *platform) called() error {
	p.calls++
	if p.before != nil {
		p.before(p.calls)
	}
	return p.away[p.calls]
}

func answer[T any](value T, err error) (apiclient.Answer[T], error) {
	return apiclient.Answer[T]{Value: value}, err
}

func (p *platform) Clusters(context.Context) (apiclient.Answer[[]v1.Cluster], error) {
	err := p.called()
	return answer(slices.Clone(p.clusters), err)
}

func (p *platform) Cluster(_ context.Context, name string) (apiclient.Answer[v1.Cluster], error) {
	c := p.cluster(name)
	if c == nil {
		return answer(v1.Cluster{}, &apiclient.Error{Status: 404, Body: "no cluster"})
	}
	return answer(*c, p.called())
}

func (p *platform) Tasks(context.Context, int) (apiclient.Answer[[]v1.TaskInfo], error) {
	var tasks []v1.TaskInfo
	if p.task.UUID != "" {
		tasks = append(tasks, p.task)
	}
	return answer(tasks, p.called())
}

func (p *platform) UpgradeClusters(_ context.Context, request v1.UpgradeClustersRequest) (apiclient.Answer[v1.TaskInfo], error) {
	if err := p.called(); err != nil {
		return answer(v1.TaskInfo{}, err)
	}
	p.asked = append(p.asked, request)
	if p.task.Status == v1.TaskInProgress {
		return answer(p.task, nil)
	}
	p.task = v1.TaskInfo{
		UUID: fmt.Sprint("task-", len(p.asked)), Status: v1.TaskInProgress, RequestedBy: "errands",
		KubernetesVersion: kubernetes, PKSVersion: newVersion, MaxInFlight: request.MaxInFlight,
	}
	p.turns = map[string]int{}
	add := func(name string, canary bool) {
		turn := v1.ClusterUpgradeInfo{ClusterName: name, ClusterUUID: "uuid-" + name, LastActionState: "queued", State: "queued", IsCanary: canary}
		if p.cluster(name).PKSVersion == newVersion && !request.Force {
			turn.LastActionState, turn.State = "succeeded", v1.UpgradeUpToDate
		}
		p.task.Clusters = append(p.task.Clusters, turn)
	}
	for _, name := range request.Canaries {
		add(name, true)
	}
	for _, c := range p.clusters {
		if (request.All || slices.Contains(request.Clusters, c.Name)) && !slices.Contains(request.Canaries, c.Name) {
			add(c.Name, false)
		}
	}
	return answer(p.task, nil)
}

func (p *platform) PreviewUpgrades(_ context.Context, request v1.UpgradeClustersRequest) (apiclient.Answer[[]v1.Preview], error) {
	if err := p.called(); err != nil {
		return answer([]v1.Preview(nil), err)
	}
	p.previews = append(p.previews, request.Clusters)
	var previews []v1.Preview
	for _, name := range request.Clusters {
		if err := p.hidden[name]; err != nil {
			return answer([]v1.Preview(nil), err)
		}
		preview := v1.Preview{
			Cluster: *p.cluster(name), ManifestDiff: []v1.DiffLine{{Text: "stemcells:"}},
			Instances: []v1.InstanceGroup{{Name: "worker", Action: "none"}},
		}
		if p.changed[name] {
			preview.ManifestDiff = append(preview.ManifestDiff, v1.DiffLine{Text: "- version: 2", Change: "added"})
		}
		previews = append(previews, preview)
	}
	return answer(previews, nil)
}

func (p *platform) Task(_ context.Context, id string) (apiclient.Answer[v1.TaskInfo], error) {
	if err := p.called(); err != nil {
		return answer(v1.TaskInfo{}, err)
	}
	if id == p.task.UUID && !p.task.Paused {
		p.advance()
	}
	task := p.task
	task.Clusters = slices.Clone(task.Clusters)
	return answer(task, nil)
}

// advance gives turns one after another, and ends the task.
func (p *platform) advance() {
	running := 0
	for i := range p.task.Clusters {
		turn := &p.task.Clusters[i]
		if turn.LastActionState != "queued" && turn.LastActionState != "in progress" || turn.State == v1.UpgradeNotStarted {
			continue
		}
		if p.cluster(turn.ClusterName) == nil {
			turn.LastActionState, turn.State = "succeeded", v1.UpgradeDeleted
			continue
		}
		if running++; running > max(1, p.task.MaxInFlight) {
			return
		}
		turn.LastActionState, turn.State, turn.OperationID = "in progress", "in progress", "op"
		if p.turns[turn.ClusterName]++; p.turns[turn.ClusterName] <= p.looks {
			if turn.IsCanary {
				return
			}
			continue
		}
		running--
		if p.fails[turn.ClusterName] > 0 {
			p.fail(turn)
			if turn.IsCanary {
				p.leaveOut("A canary failed.")
				break
			}
			continue
		}
		turn.LastActionState, turn.State = "succeeded", "succeeded"
		delete(p.changed, turn.ClusterName)
		p.upToDate(turn.ClusterName)
	}
	if running == 0 && p.task.Status == v1.TaskInProgress {
		p.task.Status = v1.TaskDone
	}
}

func (p *platform) fail(turn *v1.ClusterUpgradeInfo) {
	p.fails[turn.ClusterName]--
	turn.LastActionState, turn.State, turn.Reason = "failed", "failed", "Instance upgrade failed: disk full."
	c := p.cluster(turn.ClusterName)
	c.Operation = &v1.Operation{BOSHTask: 77, Failure: &v1.Failure{Code: string(pks.CodeDeployFailed), Remedy: "Free some disk."}}
}

func (p *platform) leaveOut(reason string) {
	p.task.Status = v1.TaskDone
	for i := range p.task.Clusters {
		if turn := &p.task.Clusters[i]; turn.LastActionState == "queued" {
			turn.State, turn.Reason = v1.UpgradeNotStarted, reason
		}
	}
}

func (p *platform) CancelTask(context.Context, string) (apiclient.Answer[v1.TaskInfo], error) {
	p.cancels++
	p.leaveOut("The task was cancelled.")
	p.task.Status = v1.TaskCanceled
	return answer(p.task, p.called())
}
