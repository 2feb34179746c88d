package process

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pks-community/pks-release/src/local/machine"
)

// What a machine needs at least, in MB: an API server with etcd, or a kubelet with containerd
// (reference/local-kubernetes.md §7), and room for images and logs.
const (
	leastMasterMemory = 500
	leastWorkerMemory = 250
	leastOtherMemory  = 60
	leastDisk         = 1024
)

// size is what a VM type asks for.
type size struct{ cpus, memoryMB int }

// sizeOf reads the cloud properties of a VM type as the embedded cloud-config writes them.
func sizeOf(spec machine.Spec) (size, error) {
	s := size{cpus: 1, memoryMB: 1024}
	for name, into := range map[string]*int{"cpu": &s.cpus, "ram": &s.memoryMB} {
		switch v := spec.CloudProperties[name].(type) {
		case nil:
		case int:
			*into = v
		case int64:
			*into = int(v)
		case float64:
			*into = int(v)
		default:
			return size{}, fmt.Errorf("vm_type %s: cloud_properties.%s is %v, not a number", spec.VMType, name, v)
		}
		if *into < 1 {
			return size{}, fmt.Errorf("vm_type %s: cloud_properties.%s is %d: it has to be at least 1", spec.VMType, name, *into)
		}
	}
	return s, nil
}

// host is what this computer has.
type host struct {
	cpus                     int
	memoryMB, freeMB, diskMB int
}

// lookAtHost reads the host's size and the room on the file system of dir.
func lookAtHost(dir string) (host, error) {
	h := host{cpus: runtime.NumCPU()}
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return h, fmt.Errorf("read the host's memory: %w", err)
	}
	if h.memoryMB, err = meminfo(raw, "MemTotal"); err != nil {
		return h, err
	}
	if h.freeMB, err = meminfo(raw, "MemAvailable"); err != nil {
		return h, err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return h, fmt.Errorf("look at the disk under %s: %w", dir, err)
	}
	h.diskMB = int(fs.Bavail * uint64(fs.Bsize) >> 20) //nolint:gosec // block sizes are positive
	return h, nil
}

func meminfo(raw []byte, name string) (int, error) {
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name+":")
		if !ok {
			continue
		}
		kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		if err != nil {
			return 0, fmt.Errorf("read %s of /proc/meminfo: %w", name, err)
		}
		return kb >> 10, nil
	}
	return 0, fmt.Errorf("/proc/meminfo has no %s", name)
}

// fits refuses a machine that the host cannot carry, before anything of it is made.
func (h host) fits(spec machine.Spec, s size, dir string) error {
	switch {
	case s.cpus > h.cpus:
		return fmt.Errorf("vm_type %s has %d CPUs, this host %d: choose a plan with a smaller vm_type", spec.VMType, s.cpus, h.cpus)
	case s.memoryMB > h.memoryMB:
		return fmt.Errorf("vm_type %s has %d MB of memory, this host %d MB: choose a plan with a smaller vm_type", spec.VMType, s.memoryMB, h.memoryMB)
	}
	if least := leastMemory(spec); h.freeMB < least {
		return fmt.Errorf("this host has %d MB of memory left, a machine of group %s needs at least %d MB: end other programs or delete a cluster", h.freeMB, spec.Group, least)
	}
	if h.diskMB < leastDisk {
		return fmt.Errorf("%s has %d MB left, a machine needs at least %d MB: make room there", dir, h.diskMB, leastDisk)
	}
	return nil
}

func leastMemory(spec machine.Spec) int {
	if _, master := spec.Job(machine.KubernetesAPIJob); master {
		return leastMasterMemory
	}
	if _, worker := spec.Job(machine.KubeletJob); worker {
		return leastWorkerMemory
	}
	return leastOtherMemory
}
