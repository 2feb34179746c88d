package agent

import (
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"time"
)

// Config tells an agent about its machine. It is plain data that survives JSON.
type Config struct {
	// Name and Address are the machine's host name and address; every hosts file has them.
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	// Vcap stands for /var/vcap.
	Vcap string `json:"vcap"`
	// Confine is the folder below which a plan may write; empty: anywhere.
	Confine string `json:"confine,omitempty"`
	// HostsFile is the file that SetHosts writes.
	HostsFile string `json:"hosts_file"`
	// Environment is what every command gets; a command's own variables win.
	Environment map[string]string `json:"environment"`
	// MemoryMB is the machine's size; 0 when it has none of its own.
	MemoryMB int `json:"memory_mb,omitempty"`
	// PersistentDisk tells whether Vcap/store is one.
	PersistentDisk bool `json:"persistent_disk,omitempty"`
	// OwnGroups says that /sys/fs/cgroup shows the machine's own control groups.
	OwnGroups bool `json:"own_groups,omitempty"`
	// Shared says that the machine shares its process table with the host, so that only descendants of
	// the agent are the machine's.
	Shared bool `json:"shared,omitempty"`

	// FirstPause and LastPause bound the time before a process that ended is started again: each
	// further failure doubles it. Zero values mean 500 ms and 30 s.
	FirstPause time.Duration `json:"first_pause,omitempty"`
	LastPause  time.Duration `json:"last_pause,omitempty"`
	// Patience is the time from SIGTERM to SIGKILL for hooks and errands, and for processes that name
	// none. Zero means 10 s.
	Patience time.Duration `json:"patience,omitempty"`
	// LogLimit is the size in bytes at which a log file is set aside. Zero means 10 MB.
	LogLimit int64 `json:"log_limit,omitempty"`
}

func (c Config) withDefaults() Config {
	if c.FirstPause <= 0 {
		c.FirstPause = 500 * time.Millisecond
	}
	if c.LastPause <= 0 {
		c.LastPause = 30 * time.Second
	}
	if c.Patience <= 0 {
		c.Patience = 10 * time.Second
	}
	if c.LogLimit <= 0 {
		c.LogLimit = 10 << 20
	}
	return c
}

// environment is what a command with these variables of its own gets.
func (c Config) environment(own map[string]string) []string {
	all := maps.Clone(c.Environment)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, own)
	list := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}

// jobLog is the folder of a job's logs, where BOSH has it (reference/bosh-release.md §7).
func (c Config) jobLog(job string) string { return filepath.Join(c.Vcap, "sys", "log", job) }

// ownLog is the agent's own log, where a BOSH agent has it.
func (c Config) ownLog() string { return filepath.Join(c.Vcap, "bosh", "log", "current") }

// ledger is the list of the files that the current plan wrote.
func (c Config) ledger() string { return filepath.Join(c.Vcap, "bosh", "files.json") }
