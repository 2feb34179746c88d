package isolation

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"golang.org/x/sys/unix"
)

// kubeletParameters are kernel parameters that belong to the whole host and that the kubelet sets
// unless they have these values (setupKernelTunables of Kubernetes 1.34 to 1.36). A machine sees its own.
func kubeletParameters() map[string]string {
	return map[string]string{
		"vm/overcommit_memory":      "1",
		"vm/panic_on_oom":           "0",
		"kernel/panic":              "10",
		"kernel/panic_on_oops":      "1",
		"kernel/keys/root_maxkeys":  "1000000",
		"kernel/keys/root_maxbytes": "25000000",
	}
}

// makeProc shows the machine's processes and its size, and lets it change kernel parameters of its
// own network only.
func (c bootConfig) makeProc() error {
	if err := os.MkdirAll("/proc", 0o555); err != nil {
		return fmt.Errorf("make /proc: %w", err)
	}
	if err := mountProc(); err != nil {
		return err
	}
	if err := os.Mkdir(ownDir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", ownDir, err)
	}
	if c.Agent.MemoryMB > 0 {
		if err := showMemory(c.Agent.MemoryMB); err != nil {
			return err
		}
	}
	const parameters, network = "/proc/sys", "/proc/sys/net"
	for _, path := range []string{parameters, network} {
		if err := mount(path, path, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	if err := setReadOnly(parameters, false); err != nil {
		return err
	}
	for name, value := range kubeletParameters() {
		path := filepath.Join(parameters, name)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := showFile(path, []byte(value+"\n")); err != nil {
			return err
		}
	}
	return nil
}

// showFile shows content instead of what is at path.
func showFile(path string, content []byte) error {
	own := filepath.Join(ownDir, string(bytes.ReplaceAll([]byte(path[1:]), []byte("/"), []byte("-"))))
	if err := os.WriteFile(own, content, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", own, err)
	}
	return mount(own, path, "", unix.MS_BIND, "")
}

// showMemory lets the machine see the size it has instead of the host's.
func showMemory(megabytes int) error {
	const path = "/proc/meminfo"
	info, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the host's memory size: %w", err)
	}
	return showFile(path, resizeMemory(info, int64(megabytes)*1024))
}

// resizeMemory makes a /proc/meminfo of a machine of this size, as it would be just after its start.
// A machine is never larger than its host.
func resizeMemory(info []byte, kilobytes int64) []byte {
	line := regexp.MustCompile(`(?m)^(MemTotal|MemFree|MemAvailable|SwapTotal|SwapFree):(\s+)(\d+) kB$`)
	return line.ReplaceAllFunc(info, func(match []byte) []byte {
		parts := line.FindSubmatch(match)
		value, err := strconv.ParseInt(string(parts[3]), 10, 64)
		if err != nil {
			return match
		}
		value = min(value, kilobytes)
		if bytes.HasPrefix(parts[1], []byte("Swap")) {
			value = 0
		}
		return fmt.Appendf(nil, "%s:%*d kB", parts[1], len(parts[2])+len(parts[3]), value)
	})
}
