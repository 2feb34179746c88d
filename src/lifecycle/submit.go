package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	brokerAway = "waiting for the broker, which cannot be reached; this goes on by itself"
	brokerBusy = "waiting for another task on the deployment; this goes on by itself"
)

// submit asks the broker to begin. After a crash it asks again for the same,
// which the broker answers with what it has begun.
func (e *Engine) submit(ctx context.Context, cluster pks.Cluster, op pks.Operation) (outcome, error) {
	if op.Action == pks.ActionUpgrade {
		op.Target = e.cfg.Target // what the broker offers now
	}
	submission, err := e.ask(ctx, instance(cluster, op), op.Action)
	if err != nil {
		return e.notSubmitted(ctx, cluster, op, err)
	}
	if submission.Done {
		// Should the rest have to wait, the same is asked and answered again.
		return e.finish(ctx, cluster, op)
	}
	if op.State == pks.OperationAccepted {
		op.State = pks.OperationSubmitted
	}
	op.BrokerOperation = submission.Operation
	op.Attempts, op.Faults = 0, 0
	op.Description = op.Running()
	return outcome{
		operation: op,
		events:    []pks.Event{{State: string(op.State), Message: op.Description}},
		wait:      e.cfg.pace.first,
	}, nil
}

func (e *Engine) ask(ctx context.Context, in osb.Instance, action pks.Action) (osb.Submission, error) {
	switch action {
	case pks.ActionCreate:
		return e.cfg.Broker.Provision(ctx, in)
	case pks.ActionDelete:
		return e.cfg.Broker.Deprovision(ctx, in)
	case pks.ActionUpgrade:
		return e.cfg.Broker.Upgrade(ctx, in)
	default:
		return e.cfg.Broker.Update(ctx, in)
	}
}

func (e *Engine) notSubmitted(ctx context.Context, cluster pks.Cluster, op pks.Operation, err error) (outcome, error) {
	kind := osb.KindOf(err)
	switch {
	case ctx.Err() != nil:
		return outcome{}, err
	case kind == osb.Unavailable:
		return e.waiting(op, brokerAway, err), nil
	case kind == osb.Busy:
		return e.waiting(op, brokerBusy, err), nil
	case kind == osb.Gone && op.Action == pks.ActionDelete:
		return e.succeeded(op), nil
	case kind == osb.Gone && op.Action != pks.ActionCreate:
		return e.failed(op, deploymentLost(cluster, err)), nil
	case kind == osb.Fault || kind == "":
		return e.faulted(op, submitFaults, refusal(err)), nil
	default:
		return e.failed(op, refusal(err)), nil
	}
}

// finish reads what a change has led to, and settles the operation.
func (e *Engine) finish(ctx context.Context, cluster pks.Cluster, op pks.Operation) (outcome, error) {
	if op.Action == pks.ActionDelete {
		return e.succeeded(op), nil
	}
	if next, more := e.nextRotationStep(op); more {
		return next, nil
	}
	vms, err := e.cfg.Broker.VMs(ctx, cluster.ID)
	switch kind := osb.KindOf(err); {
	case err == nil:
		next := e.succeeded(op)
		next.masters = vms.InstanceGroups[masterGroup]
		next.machines = make(map[string]int, len(vms.InstanceGroups))
		for group, addresses := range vms.InstanceGroups {
			next.machines[group] = len(addresses)
		}
		return next, nil
	case ctx.Err() != nil:
		return outcome{}, err
	case kind == osb.Unavailable, kind == osb.Busy:
		return e.waiting(op, brokerAway, err), nil
	case kind == osb.NotFound, kind == osb.Gone:
		return e.failed(op, deploymentLost(cluster, err)), nil
	default:
		return e.faulted(op, pollFaults, refusal(err)), nil
	}
}

// masterGroup is the instance group of the masters
// (reference/cluster-manifest.md).
const masterGroup = "master"

func instance(c pks.Cluster, op pks.Operation) osb.Instance {
	return osb.Instance{
		ID: c.ID, Name: c.Name, Owner: c.Owner.Name, PlanID: c.PlanID, Spec: op.Spec,
		OperationID: op.ID, RequestID: op.RequestID,
	}
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*osb.Error](err); ok {
		return time.Duration(e.RetryAfter) * time.Second
	}
	return 0
}
