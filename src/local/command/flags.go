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
	portsFrom    int
	vmTime       time.Duration
	pollInterval time.Duration
}

func (f *stackFlags) register(c *cobra.Command) {
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
		ProgramDir:   filepath.Dir(self),
		VMTime:       f.vmTime,
		PollInterval: f.pollInterval,
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
	if c.Flags().Changed("ports-from") {
		args = append(args, "--ports-from", strconv.Itoa(f.portsFrom))
	}
	return args
}
