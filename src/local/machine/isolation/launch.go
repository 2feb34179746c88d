package isolation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// Descriptors that the first process of a machine inherits.
const (
	configFD = 3 // bootConfig as JSON
	reportFD = 4 // takes a report as JSON
)

// bootConfig is everything the first process of a machine has to know. Paths are the host's.
type bootConfig struct {
	Mode  Mode         `json:"mode"`
	Agent agent.Config `json:"agent"`
	// Socket is where the agent is to listen. ListenerFD is the descriptor of that listener once the
	// machine has its own root and cannot see the path any more; 0 before.
	Socket     string `json:"socket"`
	ListenerFD int    `json:"listener_fd,omitempty"`
	// Dir is the machine's folder, Packages and PersistentDisk what is shown in it.
	Dir            string            `json:"dir"`
	PersistentDisk string            `json:"persistent_disk,omitempty"`
	Packages       map[string]string `json:"packages,omitempty"`
	// Address is the machine's, with the segment's prefix length.
	Address netip.Prefix `json:"address"`
	Gateway netip.Addr   `json:"gateway"`
	// Groups are the machine's control groups.
	Groups []group `json:"groups,omitempty"`
	// Probe has it try what a Kubernetes node needs before it reports.
	Probe bool `json:"probe,omitempty"`
}

// report is what the first process says when it is ready or cannot be.
type report struct {
	Error string `json:"error,omitempty"`
}

// part is the command that starts program as a part of a machine or segment of this name. The
// running program starts itself from its open file: what lies at its path may be a newer one by now.
func part(program, role, name string) *exec.Cmd {
	path := program
	if own, err := os.Executable(); err == nil && own == program {
		path = "/proc/self/exe"
	}
	cmd := exec.Command(path, Command, role, name)
	cmd.Args[0] = program
	return cmd
}

// launch is the start of a machine's first process: the pipes to it.
type launch struct {
	config, report *os.File
}

// begin starts cmd, by way of start, as the first process of a machine. It waits for its
// configuration then.
func begin(cmd *exec.Cmd, start func() error) (*launch, error) {
	configRead, configWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer configRead.Close()
	reportRead, reportWrite, err := os.Pipe()
	if err != nil {
		_ = configWrite.Close()
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer reportWrite.Close()
	cmd.ExtraFiles = []*os.File{configRead, reportWrite}
	if err := start(); err != nil {
		_ = configWrite.Close()
		_ = reportRead.Close()
		return nil, err
	}
	return &launch{config: configWrite, report: reportRead}, nil
}

// close gives up a launch that is not finished.
func (l *launch) close() {
	_ = l.config.Close()
	_ = l.report.Close()
}

// finish hands over the configuration and waits until the machine is ready. It returns when the
// machine dies, too.
func (l *launch) finish(config bootConfig) error {
	defer l.close()
	if err := json.NewEncoder(l.config).Encode(config); err != nil {
		return errBootEnded
	}
	_ = l.config.Close()
	return readReport(l.report)
}

var errBootEnded = errors.New("the machine ended before it was ready")

func readReport(r io.Reader) error {
	var result report
	err := json.NewDecoder(r).Decode(&result)
	switch {
	case err != nil:
		return errBootEnded
	case result.Error != "":
		return errors.New(result.Error)
	}
	return nil
}

// within ends a wait with ctx: stop has to make wait return.
func within(ctx context.Context, wait func() error, stop func()) error {
	after := context.AfterFunc(ctx, stop)
	err := wait()
	if !after() && err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
