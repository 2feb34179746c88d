package stack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/kubeapi"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/release"
	localuaa "github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/uaa"
)

// parts are what runs in this process.
type parts struct {
	uaa      *localuaa.Server
	verifier *uaa.Verifier
	auth     auth.Authenticator
	secrets  *credhub.Store
	kube     *kubeapi.Service
	releases *release.Library
	runner   *release.Runner
	machines machine.Driver
	director *director.Director
}

func (s *Stack) openParts() (p *parts, err error) {
	p = &parts{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.uaa, err = s.openUAA(); err != nil {
		return p, unopened(s.layout.UAA(), err)
	}
	if p.auth, p.verifier, err = s.directorAuth(); err != nil {
		return p, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	if p.secrets, err = credhub.Open(ctx, filepath.Join(s.layout.CredHub(), "credhub.db"), credhub.Options{}); err != nil {
		return p, unopened(s.layout.CredHub(), err)
	}
	if err := s.openReleases(p); err != nil {
		return p, unopened(s.layout.Director(), err)
	}
	if err := s.openMachines(ctx, p); err != nil {
		return p, err
	}
	p.director, err = director.New(director.Config{
		Dir:             s.layout.Director(),
		Auth:            p.auth,
		Machines:        p.machines,
		Releases:        p.releases,
		Templates:       p.runner.CheckTemplates,
		Credentials:     p.secrets,
		ConfigServerURL: s.ports.CredHubURL(),
		ResumeTasks:     true,
		Logger:          s.log.With("part", "director"),
		Timing:          agentTiming(s.current().Machines),
		Seed: director.Seed{
			CloudConfig: cloudConfig(s.subnet),
			Releases:    offeredReleases(s.current().Machines, s.offered.Kubernetes),
			Stemcells:   cfcr.Stemcells(),
		},
	})
	if err != nil {
		return p, unopened(s.layout.Director(), err)
	}
	return p, nil
}

// openMachines opens what the Director makes machines with.
func (s *Stack) openMachines(ctx context.Context, p *parts) (err error) {
	settings := s.current()
	if settings.Machines == Process {
		if p.machines, err = s.real.driver(ctx, s); err != nil {
			return unopened(s.layout.Machines(), err)
		}
		return nil
	}
	p.kube, err = kubeapi.New(kubeapi.Options{
		Dir:               s.layout.Kubernetes(),
		KubernetesVersion: settings.Kubernetes,
		Logger:            s.log.With("part", "kubernetes"),
	})
	if err != nil {
		return unopened(s.layout.Kubernetes(), err)
	}
	p.machines = machine.NewSimulated(machine.Options{
		Delays:        delays(s.options.VMTime),
		KubernetesAPI: p.kube,
		Errand:        errands(p.runner),
		Logger:        s.log.With("part", "machines"),
	})
	return nil
}

// agentTiming makes the Director wait shorter for agents that are processes of this
// machine than for those of virtual machines far away.
func agentTiming(kind Machines) director.Timing {
	if kind == Process {
		return director.Timing{Agent: 8 * time.Second}
	}
	return director.Timing{}
}

// offeredReleases are the releases that clusters are made of, with the given
// versions of Kubernetes. Simulated clusters have that of the published releases.
func offeredReleases(kind Machines, kubernetes []string) []director.Release {
	if kind == Process {
		return cfcr.Releases(kubernetes...)
	}
	return cfcr.Releases()
}

// unopened says which folder it is that a part cannot begin with.
func unopened(dir string, err error) error {
	return fmt.Errorf("%w: make room or restore the files in %s, or begin anew with 'pks-local reset'", err, dir)
}

// delays shares out the time that a VM takes in the proportions of the default,
// which adds up to about a second.
func delays(vm time.Duration) machine.Delays {
	d := machine.DefaultDelays()
	for _, step := range []*time.Duration{
		&d.Create, &d.Delete, &d.Prepare, &d.Apply, &d.Script, &d.Drain, &d.Start, &d.Stop, &d.Errand,
	} {
		*step = time.Duration(float64(*step) * vm.Seconds())
	}
	return d
}

// listenAll opens the ports of what runs in this process.
func (s *Stack) listenAll(ctx context.Context, group *errgroup.Group, pair tls.Certificate, p *parts) error {
	for _, l := range []struct {
		name    string
		port    int
		handler http.Handler
	}{
		{"UAA", s.ports.UAA, p.uaa.Handler()},
		{"CredHub", s.ports.CredHub, credhub.Handler(p.secrets, p.auth, s.log.With("part", "credhub"))},
		{"BOSH Director", s.ports.Director, p.director.Handler()},
	} {
		if err := s.listen(ctx, group, l.name, l.port, pair, l.handler); err != nil {
			return err
		}
	}
	return nil
}

// taskPatience is how long tasks of the Director get to end. Those that do not
// are finished at the next start.
const taskPatience = 2 * time.Second

// close lets go of everything, users before what they use.
func (p *parts) close() error {
	var problems []error
	if p.director != nil {
		ctx, cancel := context.WithTimeout(context.Background(), taskPatience)
		defer cancel()
		problems = append(problems, p.director.Close(ctx))
	}
	if p.machines != nil {
		problems = append(problems, p.machines.Close())
	}
	if p.kube != nil {
		problems = append(problems, p.kube.Close())
	}
	if p.secrets != nil {
		problems = append(problems, p.secrets.Close())
	}
	if p.verifier != nil {
		problems = append(problems, p.verifier.Close())
	}
	if p.uaa != nil {
		problems = append(problems, p.uaa.Close())
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("close the embedded parts: %w", err)
	}
	return nil
}
