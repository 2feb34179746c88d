package smoketests_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/errand/errandtest"
	"github.com/pks-community/pks-release/src/errand/smoketests"
	"github.com/pks-community/pks-release/src/pks"
)

const leftover = "pks-smoke-test-0123abcd"

// platform is an API whose operations take some looks each.
type platform struct {
	clusters map[string]*v1.Cluster
	looks    map[string]int
	fails    map[string]bool  // by action: it ends badly
	refuses  map[string]error // by call
	lost     map[string]bool  // by call: it is carried out, but its answer is lost
	story    []string
	on       func(call string)
}

func newPlatform(names ...string) *platform {
	p := &platform{
		clusters: map[string]*v1.Cluster{}, looks: map[string]int{}, fails: map[string]bool{}, refuses: map[string]error{}, lost: map[string]bool{},
	}
	for _, name := range names {
		p.clusters[name] = &v1.Cluster{Name: name, LastAction: "CREATE", LastActionState: "succeeded"}
	}
	return p
}

var errAway = &apiclient.UnreachableError{Trouble: apiclient.TroubleConnection, Err: errors.New("refused")}

func (p *platform) called(call string) error {
	if p.on != nil {
		p.on(call)
	}
	return p.refuses[call]
}

func (p *platform) change(call, name, action string) error {
	if err := p.called(call); err != nil {
		return err
	}
	c := p.clusters[name]
	if c.LastActionState == "in progress" {
		return &apiclient.Error{Status: 409, Code: pks.CodeOperationInProgress, Body: "busy"}
	}
	p.story = append(p.story, call)
	c.LastAction, c.LastActionState, p.looks[name] = action, "in progress", 3
	if p.lost[call] {
		delete(p.lost, call)
		return errAway
	}
	return nil
}

func (p *platform) Plans(context.Context) (apiclient.Answer[[]v1.Plan], error) {
	return apiclient.Answer[[]v1.Plan]{Value: []v1.Plan{{Name: "small"}, {Name: "large"}}}, p.called("plans")
}

func (p *platform) Clusters(context.Context) (apiclient.Answer[[]v1.Cluster], error) {
	var all []v1.Cluster
	for _, c := range p.clusters {
		all = append(all, *c)
	}
	return apiclient.Answer[[]v1.Cluster]{Value: all}, p.called("list")
}

func (p *platform) Cluster(_ context.Context, name string) (apiclient.Answer[v1.Cluster], error) {
	if err := p.called("get"); err != nil {
		return apiclient.Answer[v1.Cluster]{}, err
	}
	c := p.clusters[name]
	if c != nil && c.LastActionState == "in progress" {
		if p.looks[name]--; p.looks[name] < 0 {
			p.settle(c)
		}
	}
	if c = p.clusters[name]; c == nil {
		return apiclient.Answer[v1.Cluster]{}, &apiclient.Error{Status: 404, Code: pks.CodeClusterNotFound, Body: "Cluster not found"}
	}
	return apiclient.Answer[v1.Cluster]{Value: *c}, nil
}

func (p *platform) settle(c *v1.Cluster) {
	switch {
	case p.fails[c.LastAction]:
		c.LastActionState, c.LastActionDescription = "failed", "Instance operation failed: no quota."
		c.Operation = &v1.Operation{BOSHTask: 5}
	case c.LastAction == "DELETE":
		delete(p.clusters, c.Name)
	default:
		c.LastActionState, c.KubernetesMasterIPs = "succeeded", []string{"10.0.0.1"}
	}
}

func (p *platform) CreateCluster(_ context.Context, request v1.ClusterRequest) (apiclient.Answer[v1.Cluster], error) {
	if p.clusters[request.Name] != nil {
		return apiclient.Answer[v1.Cluster]{}, &apiclient.Error{Status: 409, Code: pks.CodeNameTaken, Body: "taken"}
	}
	if request.Parameters.KubernetesMasterHost != request.Name+".smoke-tests.pks.internal" || request.PlanName != "small" {
		return apiclient.Answer[v1.Cluster]{}, fmt.Errorf("asked for %+v", request)
	}
	if err := p.refuses["create"]; err != nil {
		return apiclient.Answer[v1.Cluster]{}, err
	}
	p.clusters[request.Name] = &v1.Cluster{Name: request.Name, Parameters: v1.ClusterParameters{KubernetesWorkerInstances: *request.Parameters.KubernetesWorkerInstances}}
	return apiclient.Answer[v1.Cluster]{}, p.change("create", request.Name, "CREATE")
}

func (p *platform) UpdateCluster(_ context.Context, name string, parameters v1.UpdateClusterParameters) (apiclient.Answer[v1.Cluster], error) {
	err := p.change("resize", name, "UPDATE")
	if err == nil || err == errAway {
		p.clusters[name].Parameters.KubernetesWorkerInstances = *parameters.KubernetesWorkerInstances
	}
	return apiclient.Answer[v1.Cluster]{}, err
}

func (p *platform) CancelOperation(_ context.Context, name string) (apiclient.Answer[v1.Operation], error) {
	p.story = append(p.story, "cancel")
	p.clusters[name].LastActionState = "failed"
	return apiclient.Answer[v1.Operation]{}, p.called("cancel")
}

func (p *platform) DeleteCluster(_ context.Context, name string) error {
	return p.change("delete", name, "DELETE")
}

func (p *platform) Bind(context.Context, string) (v1.Kubeconfig, error) {
	return v1.Kubeconfig(`{}`), p.called("bind")
}

func (p *platform) names() []string {
	var names []string
	for name := range p.clusters {
		names = append(names, name)
	}
	return names
}

func smoke(ctx context.Context, p *platform, probe smoketests.Probe) ([]string, error) {
	e := smoketests.New()
	e.PollingInterval, e.OutageLimit = 10*time.Second, 5*time.Minute
	journal, told := errandtest.Quiet(e.Name())
	if probe == nil {
		probe = func(context.Context, v1.Kubeconfig, []string, int) error { return nil }
	}
	err := e.Test(ctx, p, probe, journal)
	return told(), err
}

func TestAClusterLivesThroughItsLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform("mine", leftover, "pks-smoke-test-mine", "pks-smoke-test-0123abcde")
		probed := 0
		lines, err := smoke(t.Context(), p, func(_ context.Context, credentials v1.Kubeconfig, masters []string, nodes int) error {
			if probed++; probed == 1 {
				return errors.New("0 nodes are ready, 1 are wanted")
			}
			if string(credentials) != "{}" || !slices.Equal(masters, []string{"10.0.0.1"}) || nodes != probed-1 {
				t.Errorf("probe %d: %s %v %d", probed, credentials, masters, nodes)
			}
			return nil
		})
		if err != nil || strings.Join(p.story, " ") != "delete create resize delete" || len(p.names()) != 3 || probed != 3 {
			t.Errorf("%v, %v, %d clusters, %d probes\n%s", err, p.story, len(p.names()), probed, strings.Join(lines, "\n"))
		}
		if lines[len(lines)-1] != "SMOKE TESTS Status: SUCCESS" {
			t.Errorf("%q", lines)
		}
	})
}

func TestAnswersThatAreLostChangeNothing(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"create", "resize", "delete"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlatform()
			p.lost[call] = true
			if lines, err := smoke(t.Context(), p, nil); err != nil || strings.Join(p.story, " ") != "create resize delete" || len(p.clusters) > 0 {
				t.Errorf("%s: %v, %v\n%s", call, err, p.story, strings.Join(lines, "\n"))
			}
		})
	}
}

func TestWhateverFailsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	refusal := &apiclient.Error{Status: 400, Body: "No.", Remedy: "Ask for less."}
	for name, test := range map[string]struct {
		set   func(*platform)
		probe error
		want  string
		left  int
	}{
		"create fails":   {func(p *platform) { p.fails["CREATE"] = true }, nil, "no quota. (BOSH task 5 of deployment", 0},
		"create refused": {func(p *platform) { p.refuses["create"] = refusal }, nil, "No. Ask for less.", 0},
		"resize fails":   {func(p *platform) { p.fails["UPDATE"] = true }, nil, "resize cluster", 0},
		"resize refused": {func(p *platform) { p.refuses["resize"] = refusal }, nil, "resize cluster", 0},
		"bind refused":   {func(p *platform) { p.refuses["bind"] = refusal }, nil, "get credentials: No.", 0},
		"never ready":    {func(*platform) {}, errors.New("1 node is not"), "it is not done after 1h0m0s, the property step_time_limit; the last answer: 1 node is not", 0},
		"create takes all": {func(p *platform) {
			p.on = func(string) {
				for n := range p.looks {
					p.looks[n] = 9
				}
			}
		}, nil, "it is not done after 1h0m0s", 1},
		"delete fails": {func(p *platform) { p.fails["DELETE"] = true }, nil, "no quota.", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlatform()
				test.set(p)
				lines, err := smoke(t.Context(), p, func(context.Context, v1.Kubeconfig, []string, int) error { return test.probe })
				if err == nil || !strings.Contains(err.Error(), test.want) || len(p.clusters) != test.left || lines[len(lines)-1] != "SMOKE TESTS Status: FAILED" {
					t.Errorf("%v, left %v\n%s", err, p.names(), strings.Join(lines, "\n"))
				}
			})
		})
	}
}

func TestAnErrandThatIsEndedAsksForTheDeletion(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{"while creating": "create", "while checking": "bind", "while resizing": "resize", "while deleting": "delete"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlatform()
				ctx, kill := context.WithCancel(t.Context())
				var killed time.Time
				p.on = func(call string) {
					if call == at && killed.IsZero() {
						killed = time.Now()
						kill()
					}
				}
				lines, err := smoke(ctx, p, func(ctx context.Context, _ v1.Kubeconfig, _ []string, _ int) error { return ctx.Err() })
				if err == nil || time.Since(killed) > 9*time.Second {
					t.Errorf("%v after %s", err, time.Since(killed))
				}
				for _, c := range p.clusters {
					if c.LastAction != "DELETE" {
						t.Errorf("%s is left as %s %s\n%s", c.Name, c.LastAction, c.LastActionState, strings.Join(lines, "\n"))
					}
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		ctx, kill := context.WithCancel(t.Context())
		p.on = func(call string) {
			if call == "bind" {
				kill()
				p.refuses["get"] = errAway
			}
		}
		begun := time.Now()
		_, err := smoke(ctx, p, func(ctx context.Context, _ v1.Kubeconfig, _ []string, _ int) error { return ctx.Err() })
		if err == nil || !strings.Contains(err.Error(), "is left behind, and removed by the next run") || time.Since(begun) > 50*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}

func TestALyingAPIIsFoundOut(t *testing.T) {
	t.Parallel()
	for want, lie := range map[string]func(*v1.Cluster){
		"the API says that it has 7 workers":             func(c *v1.Cluster) { c.Parameters.KubernetesWorkerInstances = 7 },
		"the API knows no address of its masters":        func(c *v1.Cluster) { c.KubernetesMasterIPs = []string{v1.InProgress} },
		`the API tells of action "UPGRADE" of cluster "`: func(c *v1.Cluster) { c.LastAction = "UPGRADE" },
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlatform()
			gets := 0
			p.on = func(call string) {
				if call != "get" {
					return
				}
				gets++
				for _, c := range p.clusters {
					if ended := c.LastActionState == "succeeded"; gets > 1 && (ended || strings.Contains(want, "action")) && gets < 10 {
						gets = 10
						lie(c)
					}
				}
			}
			if _, err := smoke(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), want) || len(p.clusters) > 0 {
				t.Errorf("%v, want %s; left %v", err, want, p.names())
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	server := errandtest.Serve(t, nil)
	check := func(more map[string]any) errandtest.Outcome {
		return errandtest.Run(t.Context(), t, smoketests.New(), server.Config(more), "-check-config")
	}
	check(map[string]any{"plan": "small", "network_profile": "n", "compute_profile": "c", "name_prefix": "ours", "domain": "example.com",
		"check_kubernetes": false, "step_time_limit": "20m"}).Want(t, errand.ExitOK)
	for key, value := range map[string]any{"name_prefix": "No", "domain": "a b", "check_kubernetes": "x", "step_time_limit": "1s"} {
		check(map[string]any{key: value}).Want(t, errand.ExitUsage, key)
	}
}

func TestAPlanThatIsNotOffered(t *testing.T) {
	t.Parallel()
	e := smoketests.New()
	e.Plan = "huge"
	journal, _ := errandtest.Quiet(e.Name())
	if err := e.Test(t.Context(), newPlatform(), nil, journal); err == nil || err.Error() != `plan is "huge"; the API offers: small, large` {
		t.Error(err)
	}
}

var _ errand.Errand = smoketests.New()
