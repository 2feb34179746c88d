package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// Bump makes a running stack offer other versions, as an operator does who brings in
// a new tile: new clusters get them, and upgrades go to them; clusters that are there
// stay as they are until they are upgraded. An empty version of Kubernetes stays, and
// so does the stemcell unless the newest is asked for; with neither, both become the
// newest. It returns the settings before and after.
func Bump(ctx context.Context, l Layout, kubernetes string, stemcell bool) (before, after Settings, err error) {
	i, err := Running(l)
	if err != nil {
		return Settings{}, Settings{}, err
	}
	before, after = i.Settings, i.Settings
	newest := kubernetes == "" && !stemcell
	if kubernetes != "" || newest {
		last := i.Offered.Kubernetes[len(i.Offered.Kubernetes)-1]
		if after.Kubernetes, err = chooseVersion("Kubernetes", kubernetes, last, i.Offered.Kubernetes, last); err != nil {
			return before, before, err
		}
	}
	if stemcell || newest {
		after.Stemcell = i.Offered.Stemcells[len(i.Offered.Stemcells)-1]
	}
	if after == before {
		return before, after, nil
	}
	deployed, err := deployments(ctx, l)
	if err != nil {
		return before, before, err
	}
	if err := mayOffer(after.Kubernetes, deployed); err != nil {
		return before, before, err
	}
	if err := after.write(l); err != nil {
		return before, before, err
	}
	if err := syscall.Kill(i.PID, syscall.SIGHUP); err != nil {
		return before, before, fmt.Errorf("tell process %d of the new settings: %w", i.PID, err)
	}
	return before, after, awaitSettings(ctx, l, after)
}

// awaitSettings waits until the running stack has taken the settings over.
func awaitSettings(ctx context.Context, l Layout, want Settings) error {
	for {
		i, err := Running(l)
		if err != nil {
			return err
		}
		if i.Settings == want && healthy(Probe(ctx, l, i)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the stack has not taken over the new settings (%w): see 'pks-local status' and %s", ctx.Err(), l.Log("pks-local"))
		case <-time.After(lookAgain):
		}
	}
}

// reload takes over settings that another process has written: it writes the
// configurations anew and starts the child programs with them, one after the other.
func (s *Stack) reload(ctx context.Context) error {
	settings, err := readSettings(s.layout)
	if err != nil {
		return err
	}
	before := s.current()
	if settings == before {
		return nil
	}
	if settings.Machines != before.Machines || settings.Isolation != before.Isolation {
		return errors.New("the kind of machines cannot change while the stack runs: 'pks-local down', then 'pks-local up'")
	}
	if !slices.Contains(s.offered.Kubernetes, settings.Kubernetes) || !slices.Contains(s.offered.Stemcells, settings.Stemcell) {
		return fmt.Errorf("version %q of Kubernetes or stemcell %q is not offered", settings.Kubernetes, settings.Stemcell)
	}
	s.log.Info("new settings", "kubernetes", settings.Kubernetes, "stemcell", settings.Stemcell)
	s.mu.Lock()
	s.settings = settings
	s.mu.Unlock()
	if err := s.restartChildren(ctx); err != nil {
		s.mu.Lock()
		s.settings = before
		s.mu.Unlock()
		return err
	}
	return nil
}

// restartChildren gives the child programs their configurations anew.
func (s *Stack) restartChildren(ctx context.Context) error {
	if err := s.writeBrokerConfig(); err != nil {
		return err
	}
	if err := s.writeAPIConfig(); err != nil {
		return err
	}
	client, err := httpClient(s.layout)
	if err != nil {
		return err
	}
	s.mu.Lock()
	children := slices.Clone(s.children)
	s.mu.Unlock()
	for n, program := range s.programs() {
		gone, err := children[n].restart(ctx)
		if err != nil {
			return err
		}
		if err := awaitAnswer(ctx, client, program.url+program.probe, gone); err != nil {
			return fmt.Errorf("%s did not come up again: %w: see %s", program.name, err, s.layout.Log(program.name))
		}
	}
	return nil
}
