package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

// stackFlags are the flags of up and serve.
type stackFlags struct {
	machines     string
	isolation    string
	kubernetes   string
	portsFrom    int
	vmTime       time.Duration
	pollInterval time.Duration
}

func (f *stackFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.machines, "machines", "", "kind of machines: process (real Kubernetes, built first if need be) or simulated (default as before, at first process if Kubernetes is built)")
	c.Flags().StringVar(&f.isolation, "isolation", "", "how process machines are kept apart: root, rootless or kwok (default the best that works here)")
	c.Flags().StringVar(&f.kubernetes, "kubernetes", "", "version of Kubernetes for new clusters and upgrades (default as before, at first the newest)")
	c.Flags().IntVar(&f.portsFrom, "ports-from", 0, "use five ports counting up from this one (default 9021 for the API, 8443 for the UAA, …)")
	c.Flags().DurationVar(&f.vmTime, "vm-time", time.Second, "how long a simulated VM takes to come up")
	c.Flags().DurationVar(&f.pollInterval, "poll-interval", 500*time.Millisecond, "how often pks-api looks at a running operation")
}

func (f *stackFlags) options(c *cobra.Command, build Build) (stack.Options, error) {
	self, err := os.Executable()
	if err != nil {
		return stack.Options{}, fmt.Errorf("find this program: %w", err)
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return stack.Options{}, fmt.Errorf("find this program: %w", err)
	}
	o := stack.Options{
		Ports:        stack.DefaultPorts(),
		Version:      build.Version,
		Program:      self,
		ProgramDir:   filepath.Dir(self),
		Machines:     stack.Machines(f.machines),
		Isolation:    f.isolation,
		Kubernetes:   f.kubernetes,
		VMTime:       f.vmTime,
		PollInterval: f.pollInterval,
	}
	if err := o.Check(); err != nil {
		return o, usageError{err}
	}
	if f.vmTime < 0 {
		return o, usageError{fmt.Errorf("--vm-time %s is negative", f.vmTime)}
	}
	if f.pollInterval <= 0 {
		return o, usageError{fmt.Errorf("--poll-interval %s: choose a time above 0", f.pollInterval)}
	}
	if c.Flags().Changed("ports-from") {
		if o.Ports, err = stack.PortsFrom(f.portsFrom); err != nil {
			return o, usageError{err}
		}
	}
	return o, nil
}

// args are the arguments of the serve command that does the same.
func (f *stackFlags) args(c *cobra.Command, l stack.Layout) []string {
	args := []string{"serve", "--data-dir", l.Dir, "--vm-time", f.vmTime.String(), "--poll-interval", f.pollInterval.String(), "--report"}
	for name, value := range map[string]string{"machines": f.machines, "isolation": f.isolation, "kubernetes": f.kubernetes} {
		if value != "" {
			args = append(args, "--"+name, value)
		}
	}
	if c.Flags().Changed("ports-from") {
		args = append(args, "--ports-from", strconv.Itoa(f.portsFrom))
	}
	return args
}

// fit refuses to take a running stack for what was asked for when it is something else.
func (f *stackFlags) fit(i stack.Instance) error {
	switch {
	case f.machines != "" && f.machines != string(i.Machines):
		return fmt.Errorf("the stack runs with %s machines: to try %s ones, end it with 'pks-local down' and start it anew", i.Machines, f.machines)
	case f.isolation != "" && f.isolation != i.Isolation:
		return fmt.Errorf("the stack's machines do not have isolation %s: to try it, end the stack with 'pks-local down' and start it anew", f.isolation)
	case f.kubernetes != "" && f.kubernetes != i.Kubernetes:
		return fmt.Errorf("the stack offers Kubernetes %s: 'pks-local bump --kubernetes %s' changes that", i.Kubernetes, f.kubernetes)
	}
	return nil
}
