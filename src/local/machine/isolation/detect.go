package isolation

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// DetectOptions say where machines would be.
type DetectOptions struct {
	// Program is as in SegmentOptions.
	Program string
	// Dir is a folder on the file system that machines would use.
	Dir string
	// Only is the one mode that is wanted; empty: the best possible.
	Only Mode
}

// Finding says which mode is possible and why no better one is.
type Finding struct {
	Mode Mode
	// Refused has a sentence for people for each better mode.
	Refused map[Mode]string
}

// probePrefix begins the names of the stacks that are only tried.
const probePrefix = "probe-"

// probeTimeout bounds the trial of one mode.
const probeTimeout = 15 * time.Second

// Detect tries the modes from the best on, each by making a real machine and doing in it what a
// Kubernetes node does. With Only it is an error when that mode is not possible.
func Detect(ctx context.Context, o DetectOptions) (Finding, error) {
	candidates := modes()
	if o.Only != "" {
		if !slices.Contains(candidates, o.Only) {
			return Finding{}, fmt.Errorf("mode %q of machines is not known: %s", o.Only, joinModes(candidates))
		}
		candidates = []Mode{o.Only}
	}
	finding := Finding{Refused: make(map[Mode]string)}
	for _, mode := range candidates {
		err := try(ctx, mode, o)
		if err == nil {
			finding.Mode = mode
			return finding, nil
		}
		if ctx.Err() != nil {
			return Finding{}, fmt.Errorf("try machines in mode %s: %w", mode, ctx.Err())
		}
		finding.Refused[mode] = explain(mode, err)
	}
	if o.Only != "" {
		return finding, fmt.Errorf("machines in mode %s are not possible here: %s", o.Only, finding.Refused[o.Only])
	}
	return finding, fmt.Errorf("machines are not possible here: %s", finding.Refused[Kwok])
}

func joinModes(list []Mode) string {
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

// errNotRoot is why mode Root is not even tried.
var errNotRoot = errors.New("it needs the rights of root")

// try makes a machine in a new segment and takes both away again.
func try(ctx context.Context, mode Mode, o DetectOptions) (err error) {
	if mode == Root && os.Geteuid() != 0 {
		return errNotRoot
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("make the machines' folder: %w", err)
	}
	dir, err := os.MkdirTemp(o.Dir, ".probe-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	segment, err := StartSegment(ctx, SegmentOptions{
		Mode: mode, Program: o.Program, Dir: dir, Stack: probePrefix + uuid.NewString()[:8], Deployment: "probe",
		Gateway: netip.MustParsePrefix("10.0.0.1/24"),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, segment.Close(context.WithoutCancel(ctx))) }()
	_, err = segment.startMachine(ctx, MachineOptions{
		Name: "probe", Dir: filepath.Join(dir, "machine"), Address: probeAddress(mode), MemoryMB: 256, CPUs: 1,
	}, true)
	return err
}

func probeAddress(mode Mode) netip.Addr {
	if mode == Kwok {
		return netip.MustParseAddr("127.0.0.1")
	}
	return netip.MustParseAddr("10.0.0.2")
}

// explain makes a sentence for people of what stood in the way, with the setting that is to blame
// where one is known.
func explain(mode Mode, err error) string {
	if errors.Is(err, errNotRoot) {
		return "it needs the rights of root"
	}
	text := strings.NewReplacer("start the segment of probe: ", "", "start machine probe: ", "", "\n", "; ").Replace(err.Error())
	switch mode {
	case Root:
		if strings.Contains(text, passError) {
			return "the control groups cannot be divided here, as in many containers (" + text + ")"
		}
		// What a machine's first process reports is only text.
		if strings.Contains(text, unix.EPERM.Error()) || strings.Contains(text, unix.EACCES.Error()) {
			return "root has not all its rights here, as in many containers (" + text + ")"
		}
	case Rootless:
		if cause := userNamespaceCause(readSetting); cause != "" {
			return cause
		}
		if errors.Is(err, unix.ENOSPC) {
			return "there are as many user namespaces as allowed (sysctl user.max_user_namespaces)"
		}
		if errors.Is(err, unix.EPERM) {
			return "user namespaces are refused here, as in many containers (" + text + ")"
		}
	}
	return text
}

// userNamespaceCause finds a setting that keeps users from having namespaces.
func userNamespaceCause(read func(name string) string) string {
	switch {
	case read("user/max_user_namespaces") == "0":
		return "user namespaces are switched off (sysctl user.max_user_namespaces is 0)"
	case read("kernel/unprivileged_userns_clone") == "0" && os.Geteuid() != 0:
		return "user namespaces are for root only (sysctl kernel.unprivileged_userns_clone is 0)"
	case read("kernel/apparmor_restrict_unprivileged_userns") == "1" && os.Geteuid() != 0:
		return "AppArmor keeps user namespaces from programs without a profile (sysctl kernel.apparmor_restrict_unprivileged_userns is 1)"
	}
	return ""
}

func readSetting(name string) string {
	data, err := os.ReadFile(filepath.Join("/proc/sys", name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
