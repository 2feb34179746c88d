package store

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/pks"
)

type clusterRow struct {
	bun.BaseModel `bun:"table:clusters"`

	ID                string `bun:"id,pk"`
	Name              string `bun:"name"`
	HostKey           string `bun:"host_key"`
	OwnerKind         string `bun:"owner_kind"`
	OwnerOrigin       string `bun:"owner_origin"`
	OwnerID           string `bun:"owner_id"`
	OwnerName         string `bun:"owner_name"`
	PlanID            string `bun:"plan_id"`
	PlanName          string `bun:"plan_name"`
	Spec              string `bun:"spec"`
	MasterIPs         string `bun:"master_ips"`
	KubernetesVersion string `bun:"kubernetes_version"`
	ProductVersion    string `bun:"product_version"`
	Action            string `bun:"action"`
	ActionState       string `bun:"action_state"`
	ActionDescription string `bun:"action_description"`
	OperationID       string `bun:"operation_id"`
	RolloutID         string `bun:"rollout_id"`
	CreatedAt         int64  `bun:"created_at"`
	UpdatedAt         int64  `bun:"updated_at"`
	ReadyAt           int64  `bun:"ready_at"`
	DeletionLock      int    `bun:"deletion_lock"`
	Revision          int64  `bun:"revision"`
	NetworkProfile    string `bun:"network_profile"`
	ComputeProfile    string `bun:"compute_profile"`
	KubernetesProfile string `bun:"kubernetes_profile"`
	Machines          string `bun:"machines"`
}

func clusterRowOf(c pks.Cluster) (*clusterRow, error) {
	spec, err := json.Marshal(c.Spec)
	if err != nil {
		return nil, fmt.Errorf("encode spec of cluster %s: %w", c.Name, err)
	}
	machines, err := c.Machines.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("encode machines of cluster %s: %w", c.Name, err)
	}
	ips := make([]string, len(c.MasterIPs))
	for i, ip := range c.MasterIPs {
		ips[i] = ip.String()
	}
	return &clusterRow{
		ID: c.ID, Name: c.Name, HostKey: hostKey(c.Spec.MasterHost),
		OwnerKind: string(c.Owner.Kind), OwnerOrigin: c.Owner.Origin, OwnerID: c.Owner.ID, OwnerName: c.Owner.Name,
		PlanID: c.PlanID, PlanName: c.PlanName, Spec: string(spec), MasterIPs: strings.Join(ips, ","),
		KubernetesVersion: c.KubernetesVersion, ProductVersion: c.ProductVersion,
		Action: string(c.LastAction), ActionState: string(c.LastActionState), ActionDescription: c.LastActionDescription,
		OperationID: c.OperationID, RolloutID: c.RolloutID,
		CreatedAt: micros(c.CreatedAt), UpdatedAt: micros(c.UpdatedAt), ReadyAt: micros(c.ReadyAt),
		DeletionLock: bit(c.DeletionLock), Revision: max(1, c.Revision),
		NetworkProfile: c.Spec.ProfileName(pks.NetworkProfiles), ComputeProfile: c.Spec.ProfileName(pks.ComputeProfiles),
		KubernetesProfile: c.Spec.ProfileName(pks.KubernetesProfiles), Machines: string(machines),
	}, nil
}

func (r *clusterRow) cluster() (pks.Cluster, error) {
	c := pks.Cluster{
		ID: r.ID, Name: r.Name,
		Owner:  pks.Principal{Kind: pks.PrincipalKind(r.OwnerKind), Origin: r.OwnerOrigin, ID: r.OwnerID, Name: r.OwnerName},
		PlanID: r.PlanID, PlanName: r.PlanName,
		KubernetesVersion: r.KubernetesVersion, ProductVersion: r.ProductVersion,
		LastAction: pks.Action(r.Action), LastActionState: pks.ActionState(r.ActionState),
		LastActionDescription: r.ActionDescription, OperationID: r.OperationID, RolloutID: r.RolloutID,
		CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt), ReadyAt: instant(r.ReadyAt),
		DeletionLock: r.DeletionLock != 0, Revision: r.Revision,
	}
	if err := json.Unmarshal([]byte(r.Spec), &c.Spec); err != nil {
		return c, fmt.Errorf("decode spec of cluster %s: %w", r.Name, err)
	}
	if err := c.Machines.UnmarshalText([]byte(r.Machines)); err != nil {
		return c, fmt.Errorf("decode machines of cluster %s: %w", r.Name, err)
	}
	if r.MasterIPs == "" {
		return c, nil
	}
	for text := range strings.SplitSeq(r.MasterIPs, ",") {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return c, fmt.Errorf("decode master address of cluster %s: %w", r.Name, err)
		}
		c.MasterIPs = append(c.MasterIPs, ip)
	}
	return c, nil
}

// hostKey is equal for two spellings of one host.
func hostKey(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(host)
}

type operationRow struct {
	bun.BaseModel `bun:"table:operations"`

	ID               string `bun:"id,pk"`
	ClusterID        string `bun:"cluster_id"`
	ClusterName      string `bun:"cluster_name"`
	Action           string `bun:"action"`
	State            string `bun:"state"`
	Spec             string `bun:"spec"`
	Previous         string `bun:"previous"`
	PreviousMachines string `bun:"previous_machines"`
	ByKind           string `bun:"by_kind"`
	ByOrigin         string `bun:"by_origin"`
	ByID             string `bun:"by_id"`
	ByName           string `bun:"by_name"`
	RequestID        string `bun:"request_id"`
	RolloutID        string `bun:"rollout_id"`
	Kubernetes       string `bun:"kubernetes_version"`
	Product          string `bun:"product_version"`
	BrokerOperation  string `bun:"broker_operation"`
	EventOffset      int64  `bun:"event_offset"`
	Attempts         int    `bun:"attempts"`
	Faults           int    `bun:"faults"`
	BOSHTask         int    `bun:"bosh_task"`
	Percent          int    `bun:"percent"`
	Description      string `bun:"description"`
	Failure          string `bun:"failure"`
	CreatedAt        int64  `bun:"created_at"`
	UpdatedAt        int64  `bun:"updated_at"`
	SettledAt        int64  `bun:"settled_at"`
	GoneAt           int64  `bun:"gone_at"`
	PlanID           string `bun:"plan_id"`
	DeletionLock     string `bun:"deletion_lock"`
	AskedAt          int64  `bun:"asked_at"`
	CancelRequested  int64  `bun:"cancel_requested_at"`
	Landed           string `bun:"landed"`
}

func operationRowOf(op pks.Operation) (*operationRow, error) {
	r := &operationRow{
		ID: op.ID, ClusterID: op.ClusterID, ClusterName: op.ClusterName,
		Action: string(op.Action), State: string(op.State),
		ByKind: string(op.RequestedBy.Kind), ByOrigin: op.RequestedBy.Origin, ByID: op.RequestedBy.ID, ByName: op.RequestedBy.Name,
		RolloutID: op.RolloutID, Kubernetes: op.Target.Kubernetes, Product: op.Target.Product,
		RequestID: op.RequestID, BrokerOperation: op.BrokerOperation, EventOffset: op.EventOffset, Attempts: op.Attempts, Faults: op.Faults,
		BOSHTask: op.BOSHTask, Percent: op.Percent, Description: op.Description,
		CreatedAt: micros(op.CreatedAt), UpdatedAt: micros(op.UpdatedAt), SettledAt: micros(op.SettledAt),
		PlanID: op.PlanID, AskedAt: micros(op.AskedAt), CancelRequested: micros(op.CancelRequestedAt), Landed: string(op.Landed),
	}
	if op.DeletionLock != nil {
		r.DeletionLock = strconv.FormatBool(*op.DeletionLock)
	}
	machines, err := op.PreviousMachines.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("encode previous machines of operation %s: %w", op.ID, err)
	}
	r.PreviousMachines = string(machines)
	spec, err := json.Marshal(op.Spec)
	if err != nil {
		return nil, fmt.Errorf("encode spec of operation %s: %w", op.ID, err)
	}
	r.Spec = string(spec)
	if op.Previous != nil {
		previous, err := json.Marshal(op.Previous)
		if err != nil {
			return nil, fmt.Errorf("encode previous spec of operation %s: %w", op.ID, err)
		}
		r.Previous = string(previous)
	}
	if op.Failure != nil {
		failure, err := json.Marshal(op.Failure)
		if err != nil {
			return nil, fmt.Errorf("encode failure of operation %s: %w", op.ID, err)
		}
		r.Failure = string(failure)
	}
	return r, nil
}

func (r *operationRow) operation() (pks.Operation, error) {
	op := pks.Operation{
		ID: r.ID, ClusterID: r.ClusterID, ClusterName: r.ClusterName,
		Action: pks.Action(r.Action), State: pks.OperationState(r.State),
		RequestedBy: pks.Principal{Kind: pks.PrincipalKind(r.ByKind), Origin: r.ByOrigin, ID: r.ByID, Name: r.ByName},
		RolloutID:   r.RolloutID, Target: pks.Versions{Kubernetes: r.Kubernetes, Product: r.Product},
		RequestID: r.RequestID, BrokerOperation: r.BrokerOperation, EventOffset: r.EventOffset, Attempts: r.Attempts, Faults: r.Faults,
		BOSHTask: r.BOSHTask, Percent: r.Percent, Description: r.Description,
		CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt), SettledAt: instant(r.SettledAt),
		PlanID: r.PlanID, AskedAt: instant(r.AskedAt), CancelRequestedAt: instant(r.CancelRequested), Landed: pks.Landing(r.Landed),
	}
	if r.DeletionLock != "" {
		op.DeletionLock = new(r.DeletionLock == "true")
	}
	if err := json.Unmarshal([]byte(r.Spec), &op.Spec); err != nil {
		return op, fmt.Errorf("decode spec of operation %s: %w", r.ID, err)
	}
	if err := op.PreviousMachines.UnmarshalText([]byte(r.PreviousMachines)); err != nil {
		return op, fmt.Errorf("decode previous machines of operation %s: %w", r.ID, err)
	}
	if r.Previous != "" {
		if err := json.Unmarshal([]byte(r.Previous), &op.Previous); err != nil {
			return op, fmt.Errorf("decode previous spec of operation %s: %w", r.ID, err)
		}
	}
	if r.Failure != "" {
		if err := json.Unmarshal([]byte(r.Failure), &op.Failure); err != nil {
			return op, fmt.Errorf("decode failure of operation %s: %w", r.ID, err)
		}
	}
	return op, nil
}

type eventRow struct {
	bun.BaseModel `bun:"table:events"`

	ClusterID   string `bun:"cluster_id,pk"`
	Seq         int64  `bun:"seq,pk"`
	OperationID string `bun:"operation_id"`
	At          int64  `bun:"at"`
	BOSHTask    int    `bun:"bosh_task"`
	Stage       string `bun:"stage"`
	Subject     string `bun:"subject"`
	State       string `bun:"state"`
	Percent     int    `bun:"percent"`
	Message     string `bun:"message"`
}

func eventRowOf(clusterID string, seq int64, e pks.Event) eventRow {
	return eventRow{
		ClusterID: clusterID, Seq: seq, OperationID: e.OperationID, At: micros(e.Time), BOSHTask: e.BOSHTask,
		Stage: e.Stage, Subject: e.Subject, State: e.State, Percent: e.Percent, Message: e.Message,
	}
}

func (r eventRow) event() pks.Event {
	return pks.Event{
		Seq: r.Seq, OperationID: r.OperationID, Time: instant(r.At), BOSHTask: r.BOSHTask,
		Stage: r.Stage, Subject: r.Subject, State: r.State, Percent: r.Percent, Message: r.Message,
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// micros is a time as it is stored; 0 is the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
