// Package isolation makes BOSH VMs in miniature on one Linux machine. A segment is the network of one
// deployment: a process, the holder, that owns a network namespace with a bridge and everything started
// in it. A machine is a child of the holder in namespaces of its own, with its own root file system, and
// an agent as its first process. Nothing is set up in the host's network or file system, so whatever
// ends the holder, or the program that started it, ends all of it (reference/local-kubernetes.md §4, §5).
package isolation

import (
	"errors"
	"fmt"
	"regexp"
)

// Mode is how machines are kept apart from the host and from each other.
type Mode string

// The modes, best first.
const (
	// Root uses the rights of root: machines have limits for memory and processor.
	Root Mode = "root"
	// Rootless uses a user namespace in which the user is root; there is only that one user inside.
	Rootless Mode = "rootless"
	// Kwok uses no namespaces: machines are plain processes of the host.
	Kwok Mode = "kwok"
)

// modes lists them, best first.
func modes() []Mode { return []Mode{Root, Rootless, Kwok} }

// Command is the first argument with which a program that uses this package is started again by it;
// Main must be called then.
const Command = "machine-part"

// Roles are the second argument.
const (
	roleHolder  = "holder"
	roleMachine = "machine"
)

// vcap is where BOSH has everything.
const vcap = "/var/vcap"

// marker is the environment variable that tells to whom a process belongs: stack/deployment/machine.
const marker = "PKS_LOCAL_MACHINE"

var (
	errGone   = errors.New("the segment's holder is gone")
	errClosed = errors.New("the segment is closed")
)

// namePattern is what stack, deployment and machine names look like: they become names of folders,
// control groups and hosts.
const namePattern = `^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$`

func checkName(what, name string) error {
	if ok, err := regexp.MatchString(namePattern, name); err != nil || !ok {
		return fmt.Errorf("%s %q: letters, digits, dots, dashes and underscores, at most 63", what, name)
	}
	return nil
}
