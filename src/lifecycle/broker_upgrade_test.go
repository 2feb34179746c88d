package lifecycle

import (
	"context"
	"slices"

	"github.com/pks-community/pks-release/src/osb"
)

// Upgrade makes an instance anew of what the broker offers now.
func (b *fakeBroker) Upgrade(_ context.Context, in osb.Instance) (osb.Submission, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("upgrade"); err != nil {
		return osb.Submission{}, err
	}
	i := b.instances[in.ID]
	switch {
	case i == nil:
		return osb.Submission{}, &osb.Error{Kind: osb.Gone, Call: "upgrade", Status: 410}
	case !i.task.done && i.task.kind == "upgrade":
		return osb.Submission{Operation: i.task.operation}, nil
	case !i.task.done:
		return osb.Submission{}, &osb.Error{Kind: osb.Busy, Call: "upgrade", Status: 409}
	case i.version == b.version:
		return osb.Submission{Done: true}, nil
	}
	b.upgraded = append(b.upgraded, in.ID)
	return b.begin("upgrade", in.ID, i.spec), nil
}

func (b *fakeBroker) upgrades() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.upgraded)
}

// release has the broker offer something new.
func (b *fakeBroker) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.version++
}

// failTasks makes the tasks that begin from now on end badly.
func (b *fakeBroker) failTasks(description string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taskFails = description
}

func (b mortalBroker) Upgrade(ctx context.Context, in osb.Instance) (osb.Submission, error) {
	return mortally(b.assassin, "upgrade", func() (osb.Submission, error) { return b.Broker.Upgrade(ctx, in) })
}
