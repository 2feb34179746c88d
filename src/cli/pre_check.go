package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
)

const preCheckHelp = "Look first whether the cluster is fit for an upgrade: certificates, processes, disks"

// preCheckError: the cluster had better not be upgraded as it is.
type preCheckError struct {
	check string // that failed first
}

func (e *preCheckError) Error() string { return "upgrade pre-check failure: " + e.check }

// machineCheck judges each machine.
type machineCheck struct {
	check   string // as the error calls it
	doing   string
	fatal   string // what is wrong with those that may not be upgraded
	warning string // what is worth a word about the others
	judge   func(v1.Machine) (bad, worthAWord string)
}

// machineChecks are the checks of reference/pks-cli.md §7.1 that machines answer.
func machineChecks() []machineCheck {
	return []machineCheck{
		{
			"VM process status", "Validating cluster VM processes.",
			"The following VMs do not run as they should. Use the BOSH CLI to investigate.", "",
			func(m v1.Machine) (string, string) { return stopped(m), "" },
		},
		{
			"VM storage status", "Validating cluster VM storage.",
			"Storage on the following VMs is full. Use the BOSH CLI to investigate.", "Storage on the following VMs is nearly full.",
			func(m v1.Machine) (string, string) {
				if disks := fullest(m, full); len(disks) > 0 {
					return strings.Join(disks, ", "), ""
				}
				return "", strings.Join(fullest(m, nearlyFull+1), ", ")
			},
		},
		{
			"ignored VMs", "Validating that BOSH ignores no VMs.",
			"BOSH is told to ignore the following VMs. Use 'bosh unignore' first.", "",
			func(m v1.Machine) (string, string) {
				if m.Ignored {
					return "ignored", ""
				}
				return "", ""
			},
		},
	}
}

// preCheck reports how fit the cluster is for an upgrade. All checks are made; the
// error is that of the first that failed.
func (f *factory) preCheck(ctx context.Context, api *apiclient.Client, name string) error {
	found, err := machines(ctx, api, name)
	if errors.Is(err, errNoMachines) {
		return fmt.Errorf("there is no pre-check: %w", err)
	}
	if err != nil {
		return err
	}
	failed, err := f.checkCertificates(ctx, api, name)
	if err != nil {
		return err
	}
	for _, check := range machineChecks() {
		f.console.Notef("%s\n", check.doing)
		var bad, word []string
		for _, m := range found {
			wrong, remark := check.judge(m)
			if wrong != "" {
				bad = append(bad, slug(m)+": "+wrong)
			}
			if remark != "" {
				word = append(word, slug(m)+": "+remark)
			}
		}
		if len(bad) > 0 {
			f.console.Fail(check.fatal, bad...)
			if failed == nil {
				failed = &preCheckError{check: check.check}
			}
		}
		f.warn(check.warning, word)
	}
	return failed
}

// checkCertificates fails for those that have expired, and reports those that soon
// will. A server that does not tell about them is no reason to stop.
func (f *factory) checkCertificates(ctx context.Context, api *apiclient.Client, name string) (failed, err error) {
	soon, err := expiring(ctx, api, name)
	if errors.Is(err, errNoCertificates) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f.console.Notef("Validating cluster certificates.\n")
	var expired, word []string
	for _, c := range soon {
		if c.DaysLeft < 0 {
			expired = append(expired, term(c))
		} else {
			word = append(word, term(c))
		}
	}
	if len(expired) > 0 {
		hint := fmt.Sprintf("Make new ones with '%s rotate-certificates %s --all'.", f.name, name)
		f.console.Fail("The following certificates have expired.", append(expired, hint)...)
		failed = &preCheckError{check: "certificate expiry"}
	}
	f.warn(fmt.Sprintf("The following certificates expire within %d days.", defaultCertificateDays), word)
	return failed, nil
}

// warn says what is no reason to stop.
func (f *factory) warn(what string, about []string) {
	if len(about) == 0 {
		return
	}
	f.console.Notef("Warning: %s\n", what)
	for _, line := range about {
		f.console.Notef("%s\n", console.Clean(line))
	}
}
