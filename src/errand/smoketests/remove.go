package smoketests

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/pks"
)

// hurried is how long asking for a deletion may take when BOSH wants the errand to
// end: it kills after 10 seconds (reference/bosh-release.md §8).
const hurried = 8 * time.Second

// removeLeftovers removes what earlier runs have left behind.
func (r *run) removeLeftovers(ctx context.Context) error {
	clusters, err := errand.Persist(ctx, r.patience, r.api.Clusters)
	if err != nil {
		return fmt.Errorf("list clusters: %w", err)
	}
	ours := regexp.MustCompile("^" + regexp.QuoteMeta(r.NamePrefix) + "-[0-9a-f]{8}$")
	for _, c := range clusters.Value {
		if !ours.MatchString(c.Name) {
			continue
		}
		if err := r.step("remove cluster "+c.Name+" of an earlier run", func() error { return r.remove(ctx, c.Name) }); err != nil {
			return err
		}
	}
	return nil
}

// cleanUp deletes the cluster of a run that failed. When the errand is being ended
// there is time to ask for it only: the API goes on alone.
func (r *run) cleanUp(ctx context.Context, name string) error {
	if ctx.Err() == nil {
		if err := r.step("clean up: delete cluster "+name, func() error { return r.remove(ctx, name) }); ctx.Err() == nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hurried)
	defer cancel()
	for {
		gone, begun, err := r.removeStep(ctx, name, new(bool))
		switch {
		case gone:
			return nil
		case begun:
			r.journal.Say("[%s] Its deletion has begun and goes on", name)
			return nil
		case err == nil:
			err = errand.Pause(ctx, min(r.PollingInterval, time.Second))
		}
		if err != nil {
			return fmt.Errorf("cluster %s is left behind, and removed by the next run: %w", name, err)
		}
	}
}

// remove deletes the cluster and waits until it is gone.
func (r *run) remove(ctx context.Context, name string) error {
	limited, cancel := context.WithTimeout(ctx, r.StepTimeLimit)
	defer cancel()
	asked := false
	for {
		gone, err := errand.Persist(limited, r.patience, func(ctx context.Context) (bool, error) {
			gone, _, err := r.removeStep(ctx, name, &asked)
			return gone, err
		})
		if err != nil {
			return r.limit(ctx, limited, err)
		}
		if gone {
			return nil
		}
		if err := errand.Pause(limited, r.PollingInterval); err != nil {
			return r.limit(ctx, limited, err)
		}
	}
}

// removeStep does what brings the cluster nearer to its end: cancels what goes on,
// asks for its deletion, or looks whether it is gone. asked tells that the deletion
// was asked for: its failure then counts.
func (r *run) removeStep(ctx context.Context, name string, asked *bool) (gone, begun bool, err error) {
	cluster, err := r.api.Cluster(ctx, name)
	if isNotFound(err) {
		return true, false, nil
	}
	if err != nil {
		return false, false, err
	}
	c := cluster.Value
	deletion := c.LastAction == string(pks.ActionDelete)
	switch {
	case deletion && working(c):
		return false, true, nil
	case deletion && *asked:
		return false, false, errand.Explain(name, c.LastActionDescription, c)
	case working(c):
		_, err = r.api.CancelOperation(ctx, name)
		return false, false, unless(err, pks.CodeNothingToCancel, pks.CodeOperationInProgress)
	}
	err = r.api.DeleteCluster(ctx, name)
	if isNotFound(err) {
		return true, false, nil
	}
	if err == nil {
		*asked = true
	}
	return false, err == nil, unless(err, pks.CodeOperationInProgress)
}

func working(c v1.Cluster) bool {
	state := pks.ActionState(c.LastActionState)
	return state == pks.ActionInProgress || state == pks.ActionQueued
}

func isNotFound(err error) bool {
	refusal, ok := errors.AsType[*apiclient.Error](err)
	return ok && refusal.IsNotFound()
}

// unless forgives refusals that the next look explains.
func unless(err error, codes ...pks.Code) error {
	if refusal, ok := errors.AsType[*apiclient.Error](err); ok {
		for _, code := range codes {
			if refusal.Code == code {
				return nil
			}
		}
	}
	return err
}
