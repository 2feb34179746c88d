package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// Broker is what the engine asks of the service broker. *osb.Client is one. Every
// method may be called again with the same arguments after a crash.
type Broker interface {
	Provision(ctx context.Context, in osb.Instance) (osb.Submission, error)
	Update(ctx context.Context, in osb.Instance) (osb.Submission, error)
	Upgrade(ctx context.Context, in osb.Instance) (osb.Submission, error)
	Deprovision(ctx context.Context, in osb.Instance) (osb.Submission, error)
	LastOperation(ctx context.Context, in osb.Instance, operation string) (osb.LastOperation, error)
	Progress(ctx context.Context, instanceID, operation string, offset int64) (osb.Progress, error)
	VMs(ctx context.Context, instanceID string) (osb.VMs, error)
	Bind(ctx context.Context, b osb.Binding) (json.RawMessage, error)
	Unbind(ctx context.Context, b osb.Binding) error
	// Cancel ends what the broker does for an instance and says where that led.
	Cancel(ctx context.Context, instanceID, requestID string) (osb.Cancelled, error)
	// Preview tells what an update to the instance's spec would do.
	Preview(ctx context.Context, in osb.Instance) (osb.Preview, error)
	// Machines tells how the instance's machines are just now.
	Machines(ctx context.Context, instanceID string) (osb.Machines, error)
}

var _ Broker = (*osb.Client)(nil)

const (
	// DefaultPollInterval is how often a running operation is looked at.
	DefaultPollInterval = 10 * time.Second
	// DefaultWorkers is how many operations take a step at the same time. A step
	// mostly waits for the broker, so this costs memory, not processors.
	DefaultWorkers = 100
	// DefaultHistoryRetention is how long the history of a cluster that is gone is
	// kept.
	DefaultHistoryRetention = 90 * 24 * time.Hour
)

// Config is what an engine needs. Store and Broker are required.
type Config struct {
	Store  store.Store
	Broker Broker

	// Target is what an upgrade leads to: what the broker of this server offers.
	Target pks.Versions

	// Plans are those that are offered: what a cluster takes depends on its plan.
	Plans []pks.Plan

	// PollInterval is how often a running operation is looked at.
	PollInterval time.Duration
	// CallTimeout is how long the broker's client waits for one answer.
	CallTimeout time.Duration
	// Workers bounds how many jobs take a step at the same time. Half as many
	// operations beside them take their first steps at once.
	Workers int
	// HistoryRetention is how long operations and events of a cluster that is gone
	// are kept.
	HistoryRetention time.Duration

	Logger *slog.Logger
	// Settled is told of every operation that has ended, once, by the process that
	// ended it; nil for nobody.
	Settled func(pks.Operation)
	// Now is the clock of stored times.
	Now func() time.Time

	// pace is changed by tests alone.
	pace pace
}

// pace is how fast the engine goes about its work.
type pace struct {
	// fetch is how often the queue is asked for jobs that are due: neither driver
	// can be told of a new one. One indexed query that finds nothing is what an idle
	// engine costs.
	fetch time.Duration
	// first is the wait before the first look at what the broker has begun.
	first time.Duration
	// backOff is the wait after the first call that did not get on; it doubles up
	// to maxBackOff.
	backOff, maxBackOff time.Duration
	// linger is the longest wait for which a worker is held.
	linger time.Duration
	// store is the wait when the database could not be used.
	store time.Duration
}

func (c Config) withDefaults() (Config, error) {
	if c.Store == nil || c.Broker == nil {
		return c, errors.New("an engine needs a store and a broker")
	}
	if c.PollInterval <= 0 {
		c.PollInterval = DefaultPollInterval
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = osb.DefaultTimeout
	}
	if c.Workers <= 0 {
		c.Workers = DefaultWorkers
	}
	if c.HistoryRetention <= 0 {
		c.HistoryRetention = DefaultHistoryRetention
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.pace == (pace{}) {
		c.pace = pace{
			fetch:   500 * time.Millisecond,
			first:   min(time.Second, c.PollInterval),
			backOff: time.Second, maxBackOff: 30 * time.Second,
			linger: 2 * time.Second,
			store:  2 * time.Second,
		}
	}
	return c, nil
}

// stepTimeout is more than a worker needs when the broker takes its time with
// every answer. A step that exceeds it is repeated.
func (c Config) stepTimeout() time.Duration { return 3*c.CallTimeout + 2*maxLinger }
