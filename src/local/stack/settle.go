package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/local/cfcr"
)

// settle decides what the stack's machines and versions are, builds what they need,
// and keeps the decision for the next start.
func (s *Stack) settle(ctx context.Context) error {
	kept, err := readSettings(s.layout)
	if err != nil {
		return err
	}
	deployed, err := deployments(ctx, s.layout)
	if err != nil {
		return err
	}
	if kept.Machines == "" && len(deployed) > 0 {
		kept.Machines = Simulated // the stack is from before there was a choice
	}
	found := s.look()
	kind, why, err := chooseKind(s.options.Machines, kept.Machines, len(deployed), func() string { return found.obstacle(ctx) })
	if err != nil {
		return err
	}
	mode, err := chooseMode(s.options.Isolation, kept.Isolation, kind, len(deployed))
	if err != nil {
		return err
	}
	settings := Settings{Machines: kind}
	s.offered = Offered{Kubernetes: []string{cfcr.KubernetesVersion}}
	if kind == Process {
		if err := found.prepare(ctx, mode, s.options.Progress); err != nil {
			return err
		}
		if err := found.provideClient(s.layout); err != nil {
			return err
		}
		s.real = found
		settings.Isolation, s.offered.Kubernetes = found.mode(), found.versions()
	}
	for _, stemcell := range cfcr.Stemcells() {
		s.offered.Stemcells = append(s.offered.Stemcells, stemcell.Version)
	}
	newest := s.offered.Kubernetes[len(s.offered.Kubernetes)-1]
	if settings.Kubernetes, err = chooseVersion("Kubernetes", s.options.Kubernetes, kept.Kubernetes, s.offered.Kubernetes, newest); err != nil {
		if kind == Simulated && slices.Contains(found.versions(), s.options.Kubernetes) {
			return fmt.Errorf("%w, or --machines %s", err, Process)
		}
		return err
	}
	if s.options.Kubernetes != "" {
		if err := mayOffer(settings.Kubernetes, deployed); err != nil {
			return err
		}
	}
	if settings.Stemcell, err = chooseVersion("stemcell", "", kept.Stemcell, s.offered.Stemcells, s.offered.Stemcells[0]); err != nil {
		return err
	}
	if err := settings.write(s.layout); err != nil {
		return err
	}
	s.settings = settings
	s.options.Progress("Machines: " + settings.describe() + ", because " + why + ".")
	return nil
}

// describe says in one line what machines a stack has.
func (s Settings) describe() string {
	parts := []string{string(s.Machines)}
	if s.Isolation != "" {
		parts = append(parts, "isolation "+s.Isolation)
	}
	return strings.Join(append(parts, "Kubernetes "+s.Kubernetes), ", ")
}
