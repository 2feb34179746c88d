package director

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/release"
)

// Defaults of Config.
const (
	DefaultName    = "pks-local"
	DefaultVersion = "283.1.6"
	DefaultWorkers = 5
)

// maxThreads is how many machines one task creates or deletes at once.
const maxThreads = 32

// What a restart leaves of the past: so many finished tasks of each type
// (reference/director-api.md §5.3), and so many audit events.
const (
	keptTasks  = 2000
	keptEvents = 10000
)

// Config says how a Director is made.
type Config struct {
	// Dir is the folder of the Director's state.
	Dir string
	// Name is the Director's name and the first part of its variables' names; Version what GET /info
	// reports, without the revision. Both have defaults.
	Name, Version string
	// Auth finds out who a request comes from.
	Auth auth.Authenticator
	// Machines makes machines. Close of the Director does not close it.
	Machines machine.Driver
	// Credentials is where variables live. Close of the Director does not close it.
	Credentials *credhub.Store
	// Releases keeps the archives of uploaded releases. Nil: nobody does.
	Releases *release.Library
	// Templates renders the templates of machines' jobs and tells what is wrong with them
	// (release.Runner.CheckTemplates). Nil: nobody does.
	Templates func(context.Context, []machine.Spec) ([]release.TemplateFault, error)
	// ConfigServerURL is where GET /info says the variables live.
	ConfigServerURL string
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	// Workers is how many tasks run at once; DefaultWorkers when 0.
	Workers int
	// Timing changes how long the Director waits.
	Timing Timing
	// ResumeTasks makes a Director that is started again finish the deploys, deletions and errands
	// which it was in the middle of. They keep their ids and their events, do their work once more
	// from the beginning, and find most of it done. A real Director does not do that: it ends them
	// with the state error, as this one does without the option.
	ResumeTasks bool
	// Seed is what a new Director is given; see Seed.
	Seed Seed
}

// Seed is what a Director finds when it starts for the first time: each part is stored only when
// nothing of its kind and name is there.
type Seed struct {
	// CloudConfig and RuntimeConfig are the texts of the configs called default.
	CloudConfig, RuntimeConfig string
	Releases                   []Release
	Stemcells                  []Stemcell
}

// Timing is how long the Director waits for things. Zero fields mean the real Director's times, but
// for Watch.
type Timing struct {
	// Lock is how long a task waits for a deployment that another task holds; 10 s.
	Lock time.Duration
	// Agent is how long one call to a silent agent takes; 45 s. A deploy tries three times.
	Agent time.Duration
	// Watch bounds the pauses between looks at an instance that comes up; 100 ms. The real Director
	// takes the first look after the time the manifest says and another every second; agents here
	// answer at once and in truth, so waiting would only cost time. How long it looks in all is what
	// the manifest says.
	Watch time.Duration
	// Resurrect is the pause after the first attempt to replace a dead machine; 5 s. Each further
	// pause is four times as long.
	Resurrect time.Duration
}

func (t Timing) withDefaults() Timing {
	if t.Lock == 0 {
		t.Lock = 10 * time.Second
	}
	if t.Agent == 0 {
		t.Agent = 45 * time.Second
	}
	if t.Watch == 0 {
		t.Watch = 100 * time.Millisecond
	}
	if t.Resurrect == 0 {
		t.Resurrect = 5 * time.Second
	}
	return t
}

// Director is a running Director.
type Director struct {
	config    Config
	uuid      string
	logger    *slog.Logger
	state     *state.Store
	machines  machine.Driver
	variables *credhub.Store
	addresses *addressBook
	locks     *locks
	queue     *queue
	dead      *resurrector
	handler   http.Handler
	// configs makes comparing and storing a config one step.
	configs sync.Mutex
}

// New starts a Director on the state in config.Dir: it takes over the machines that should exist,
// ends (or resumes) the tasks that were running when it stopped, and goes on with those that were
// queued.
func New(config Config) (*Director, error) {
	if config.Name == "" {
		config.Name = DefaultName
	}
	if config.Version == "" {
		config.Version = DefaultVersion
	}
	if config.Workers == 0 {
		config.Workers = DefaultWorkers
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	config.Timing = config.Timing.withDefaults()
	ctx := context.Background()
	store, err := state.Open(ctx, filepath.Join(config.Dir, "director.db"))
	if err != nil {
		return nil, err
	}
	d := &Director{
		config: config, logger: config.Logger, state: store, machines: config.Machines, variables: config.Credentials,
		addresses: newAddressBook(), locks: newLocks(),
	}
	d.dead = newResurrector(d)
	if err := d.begin(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return d, nil
}

func (d *Director) begin(ctx context.Context) error {
	var err error
	if d.uuid, err = d.state.Setting(ctx, "uuid", ""); err != nil {
		return err
	}
	if d.uuid == "" {
		d.uuid = uuid.NewString()
		if err := d.state.SetSetting(ctx, "uuid", d.uuid); err != nil {
			return err
		}
	}
	if err := d.plant(ctx, d.config.Seed); err != nil {
		return err
	}
	if err := d.recover(ctx); err != nil {
		return err
	}
	if err := d.removeOldDisks(ctx, time.Now()); err != nil {
		return err
	}
	waiting, err := d.state.AbandonTasks(ctx, d.resumable())
	if err != nil {
		return err
	}
	if err := errors.Join(d.state.PruneTasks(ctx, keptTasks), d.state.PruneEvents(ctx, keptEvents)); err != nil {
		return err
	}
	d.queue = newQueue(d, waiting)
	d.handler = newHandler(d)
	d.queue.start(d.config.Workers)
	d.dead.start()
	return nil
}

// resumable lists the types of task that are taken up again after a stop: those which operators wait
// for, and which do no harm when they are done twice.
func (d *Director) resumable() []string {
	if !d.config.ResumeTasks {
		return nil
	}
	return []string{typeDeploy, typeDelete, typeErrand}
}

// plant stores the seed's parts that are not there.
func (d *Director) plant(ctx context.Context, seed Seed) error {
	for kind, content := range map[string]string{"cloud": seed.CloudConfig, "runtime": seed.RuntimeConfig} {
		if content == "" {
			continue
		}
		configs, err := d.state.Configs(ctx, state.ConfigFilter{Type: kind, PerName: 1})
		if err != nil {
			return err
		}
		if len(configs) > 0 {
			continue
		}
		if err := d.state.AddConfig(ctx, &state.Config{Type: kind, Name: "default", Content: content}); err != nil {
			return err
		}
	}
	releases, err := d.state.Releases(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, r := range releases {
		known[r.ID()] = true
	}
	for _, r := range seed.Releases {
		if known[r.ID()] {
			continue
		}
		if err := d.state.SaveRelease(ctx, r); err != nil {
			return err
		}
	}
	for _, s := range seed.Stemcells {
		if _, err := d.state.AddStemcell(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// recover tells the driver which machines should exist, and the address book who has which address.
func (d *Director) recover(ctx context.Context) error {
	var placements []machine.Placement
	err := d.state.Machines(ctx, func(i *state.Instance) {
		for _, a := range i.Addresses {
			d.addresses.take(a.IP, i.ID)
		}
		if i.VMCID == "" {
			return
		}
		placements = append(placements, machine.Placement{
			CID: i.VMCID, Deployment: i.Deployment, Group: i.Group, ID: i.ID, Index: i.Index, Jobs: i.Jobs,
			Started: i.State == state.Started && i.Digest != "",
			Spec:    func(ctx context.Context) (machine.Spec, error) { return d.appliedSpec(ctx, i.ID) },
		})
	})
	if err != nil {
		return err
	}
	d.machines.Watch(d.dead.report)
	if err := d.machines.Recover(ctx, placements); err != nil {
		return fmt.Errorf("take over machines: %w", err)
	}
	return nil
}

// Handler returns the Director's REST interface.
func (d *Director) Handler() http.Handler { return d.handler }

// UUID returns the Director's id, which is part of the names of its scopes.
func (d *Director) UUID() string { return d.uuid }

// Close stops the Director: it starts no more tasks, waits for those that run until ctx ends, and
// then gives them up as if the process had been killed. Queued tasks run when the Director is started
// again.
func (d *Director) Close(ctx context.Context) error {
	d.dead.close()
	d.queue.close(ctx)
	if err := d.state.Close(); err != nil {
		return fmt.Errorf("close the Director's state: %w", err)
	}
	return nil
}
