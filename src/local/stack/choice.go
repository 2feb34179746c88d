package stack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cppforlife/go-semi-semantic/version"

	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// wayOut is for stacks with clusters, which cannot change what those are made of.
const (
	wayOut  = "delete the clusters first with 'pks delete-cluster', remove everything with 'pks-local reset', or run a second stack with --data-dir"
	buildIt = "'pks-local up --machines process' builds it"
)

// Check refuses what cannot be asked for, whatever the stack is like.
func (o Options) Check() error {
	if o.Machines != "" && o.Machines != Simulated && o.Machines != Process {
		return fmt.Errorf("--machines %q is not a kind of machines: choose %s or %s", o.Machines, Process, Simulated)
	}
	if o.Isolation != "" && !slices.Contains(Modes(), o.Isolation) {
		return fmt.Errorf("--isolation %q is not a way to keep machines apart: choose one of %s", o.Isolation, strings.Join(Modes(), ", "))
	}
	return nil
}

// chooseKind decides which kind of machines a stack gets, and says why in words that follow "because".
// obstacle tells what is in the way of process machines, nothing if they can be; it is asked only when
// the choice is free.
func chooseKind(asked, kept Machines, clusters int, obstacle func() string) (kind Machines, why string, err error) {
	switch {
	case asked != "" && kept != "" && asked != kept && clusters > 0:
		return "", "", fmt.Errorf("this stack has %s on %s machines, which cannot become %s ones: %s", counted(clusters, "cluster"), kept, asked, wayOut)
	case asked != "":
		return asked, "you asked for them", nil
	case kept != "":
		return kept, "this stack had them before", nil
	}
	if reason := obstacle(); reason != "" {
		return Simulated, reason, nil
	}
	return Process, "Kubernetes is built and this computer can run it", nil
}

// chooseMode decides which mode of isolation to look for; empty means the best.
func chooseMode(asked, kept string, kind Machines, clusters int) (string, error) {
	switch {
	case kind != Process && asked != "":
		return "", fmt.Errorf("isolation %s is for process machines, and these are %s ones: add --machines process, or leave --isolation out", asked, kind)
	case kind != Process:
		return "", nil
	case asked != "" && kept != "" && asked != kept && clusters > 0:
		return "", fmt.Errorf("this stack has %s on machines of isolation %s, which cannot become %s: %s", counted(clusters, "cluster"), kept, asked, wayOut)
	case asked != "":
		return asked, nil
	case clusters > 0:
		return kept, nil
	}
	return "", nil
}

// Modes are the modes of isolation of process machines, best first.
func Modes() []string { return []string{"root", "rootless", "kwok"} }

// chooseVersion picks one of what is offered, oldest first: what is asked for, what was kept, else the
// fallback.
func chooseVersion(what, asked, kept string, offered []string, fallback string) (string, error) {
	switch {
	case asked != "" && !slices.Contains(offered, asked):
		return "", fmt.Errorf("%s %s is not offered: choose one of %s", what, asked, strings.Join(offered, ", "))
	case asked != "":
		return asked, nil
	case slices.Contains(offered, kept):
		return kept, nil
	}
	return fallback, nil
}

// mayOffer refuses a version of Kubernetes that is older than what a cluster runs already: the next
// upgrade would take it back, which Kubernetes cannot do.
func mayOffer(kubernetes string, deployments []state.Deployment) error {
	wanted, err := version.NewVersionFromString(kubernetes)
	if err != nil {
		return fmt.Errorf("%q is not a version: %w", kubernetes, err)
	}
	for _, d := range deployments {
		for _, r := range d.Releases {
			if r.Name != cfcr.Kubo {
				continue
			}
			runs, err := version.NewVersionFromString(r.Version)
			if err == nil && wanted.IsLt(runs) {
				return fmt.Errorf("%s runs Kubernetes %s, and cannot go back to %s: stay at %s, or delete the cluster", d.Name, r.Version, kubernetes, r.Version)
			}
		}
	}
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
