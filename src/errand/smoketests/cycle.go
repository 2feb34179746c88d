package smoketests

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/pks"
)

// Numbers of workers: the fewest there can be, and one more.
const (
	workers        = 1
	resizedWorkers = 2
)

// run is one run of the errand.
type run struct {
	*Errand
	api      API
	probe    Probe
	journal  *errand.Journal
	patience errand.Patience
}

// Test does what Run does, with any API.
func (e *Errand) Test(ctx context.Context, api API, probe Probe, journal *errand.Journal) error {
	r := &run{Errand: e, api: api, probe: probe, journal: journal, patience: e.Patience(journal)}
	err := r.test(ctx)
	if err != nil {
		journal.Conclude("SMOKE TESTS Status: FAILED")
	} else {
		journal.Conclude("SMOKE TESTS Status: SUCCESS")
	}
	return err
}

func (r *run) test(ctx context.Context) (err error) {
	if err := r.removeLeftovers(ctx); err != nil {
		return err
	}
	plan, err := r.plan(ctx)
	if err != nil {
		return err
	}
	name, err := r.newName()
	if err != nil {
		return err
	}
	removed := false
	defer func() {
		if !removed {
			err = errors.Join(err, r.cleanUp(ctx, name))
		}
	}()
	if err := r.step("create cluster "+name+" with plan "+plan, func() error { return r.create(ctx, name, plan) }); err != nil {
		return err
	}
	if err := r.check(ctx, name, workers); err != nil {
		return err
	}
	if err := r.step(fmt.Sprintf("resize cluster %s to %d workers", name, resizedWorkers), func() error { return r.resize(ctx, name) }); err != nil {
		return err
	}
	if err := r.check(ctx, name, resizedWorkers); err != nil {
		return err
	}
	err = r.step("delete cluster "+name, func() error { return r.remove(ctx, name) })
	removed = err == nil
	return err
}

// step tells of the beginning and the end of something.
func (r *run) step(what string, do func() error) error {
	begun := time.Now()
	r.journal.Say("Starting to %s", what)
	if err := do(); err != nil {
		r.journal.Say("Result: failed to %s", what)
		return fmt.Errorf("%s: %w", what, err)
	}
	r.journal.Say("Result: success after %s", time.Since(begun).Round(time.Second))
	return nil
}

func (r *run) plan(ctx context.Context) (string, error) {
	plans, err := errand.Persist(ctx, r.patience, r.api.Plans)
	if err != nil {
		return "", fmt.Errorf("list the plans: %w", err)
	}
	names := make([]string, 0, len(plans.Value))
	for _, p := range plans.Value {
		if r.Plan == "" || p.Name == r.Plan {
			return p.Name, nil
		}
		names = append(names, p.Name)
	}
	return "", fmt.Errorf("plan is %q; the API offers: %s", r.Plan, strings.Join(names, ", "))
}

func (r *run) newName() (string, error) {
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("draw a name: %w", err)
	}
	return r.NamePrefix + "-" + hex.EncodeToString(random[:]), nil
}

func (r *run) create(ctx context.Context, name, plan string) error {
	n := workers
	request := v1.ClusterRequest{
		Name: name, PlanName: plan, NetworkProfileName: r.NetworkProfile, ComputeProfileName: r.ComputeProfile,
		Parameters: v1.ClusterRequestParameters{KubernetesMasterHost: name + "." + r.Domain, KubernetesWorkerInstances: &n},
	}
	asked := 0
	_, err := errand.Persist(ctx, r.patience, func(ctx context.Context) (apiclient.Answer[v1.Cluster], error) {
		asked++
		cluster, err := r.api.CreateCluster(ctx, request)
		if refusal, ok := errors.AsType[*apiclient.Error](err); ok && asked > 1 && refusal.Code == pks.CodeNameTaken {
			return cluster, nil // by an attempt whose answer was lost: nobody else draws such a name
		}
		return cluster, err
	})
	if err != nil {
		return err
	}
	return r.await(ctx, name, pks.ActionCreate)
}

func (r *run) resize(ctx context.Context, name string) error {
	n := resizedWorkers
	_, err := errand.Persist(ctx, r.patience, func(ctx context.Context) (apiclient.Answer[v1.Cluster], error) {
		cluster, err := r.api.UpdateCluster(ctx, name, v1.UpdateClusterParameters{KubernetesWorkerInstances: &n})
		if refusal, ok := errors.AsType[*apiclient.Error](err); ok && refusal.Code == pks.CodeOperationInProgress {
			return cluster, nil // begun by an attempt whose answer was lost
		}
		return cluster, err
	})
	if err != nil {
		return err
	}
	return r.await(ctx, name, pks.ActionUpdate)
}

// await waits until the cluster's action has ended well.
func (r *run) await(ctx context.Context, name string, action pks.Action) error {
	limited, cancel := context.WithTimeout(ctx, r.StepTimeLimit)
	defer cancel()
	said := ""
	for {
		cluster, err := errand.Persist(limited, r.patience, func(ctx context.Context) (apiclient.Answer[v1.Cluster], error) {
			return r.api.Cluster(ctx, name)
		})
		if err != nil {
			return r.limit(ctx, limited, err)
		}
		c := cluster.Value
		if c.Name != name || c.LastAction != string(action) {
			return fmt.Errorf("the API tells of action %q of cluster %q", c.LastAction, c.Name)
		}
		switch pks.ActionState(c.LastActionState) {
		case pks.ActionSucceeded:
			return nil
		case pks.ActionInProgress, pks.ActionQueued:
		default:
			return errand.Explain(name, c.LastActionDescription, c)
		}
		if c.LastActionDescription != said {
			said = c.LastActionDescription
			r.journal.Say("[%s] %s", name, said)
		}
		if err := errand.Pause(limited, r.PollingInterval); err != nil {
			return r.limit(ctx, limited, err)
		}
	}
}

// limit says which of two contexts has ended.
func (r *run) limit(ctx, limited context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return errors.New("the errand was ended")
	case limited.Err() != nil:
		return fmt.Errorf("it is not done after %s, the property step_time_limit", r.StepTimeLimit)
	}
	return err
}
