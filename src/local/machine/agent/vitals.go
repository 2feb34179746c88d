package agent

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/pks-community/pks-release/src/local/machine"
)

// gauge measures a machine.
type gauge struct {
	config       Config
	started      time.Time
	user, system cpuSample
}

// vitals reads what there is to read; what cannot be read is 0.
func (g *gauge) vitals(now time.Time, stats statTable) machine.Vitals {
	residentKB, user, system := stats.total()
	v := machine.Vitals{
		CPUUser:       g.user.percent(now, g.started, user) / float64(runtime.NumCPU()),
		CPUSys:        g.system.percent(now, g.started, system) / float64(runtime.NumCPU()),
		MemKB:         residentKB,
		SystemDisk:    diskPercent("/"),
		EphemeralDisk: diskPercent(filepath.Join(g.config.Vcap, "data")),
		Uptime:        now.Sub(g.started),
	}
	v.PersistentDisk = -1
	if g.config.PersistentDisk {
		v.PersistentDisk = diskPercent(filepath.Join(g.config.Vcap, "store"))
	}
	if g.config.OwnGroups {
		if kb, known := cgroupMemoryKB("/sys/fs/cgroup"); known {
			v.MemKB = kb
		}
	}
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return v
	}
	if load, err := proc.LoadAvg(); err == nil {
		v.Load = [3]float64{load.Load1, load.Load5, load.Load15}
	}
	totalKB := int64(g.config.MemoryMB) * 1024
	if info, err := proc.Meminfo(); err == nil {
		if totalKB == 0 && info.MemTotal != nil {
			totalKB = int64(*info.MemTotal)
		}
		if info.SwapTotal != nil && info.SwapFree != nil && *info.SwapTotal > 0 {
			v.SwapKB = int64(*info.SwapTotal - *info.SwapFree)
			v.SwapPercent = int(100 * v.SwapKB / int64(*info.SwapTotal))
		}
	}
	if totalKB > 0 {
		v.MemPercent = int(100 * v.MemKB / totalKB)
	}
	return v
}

func diskPercent(path string) int {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil || s.Blocks == 0 {
		return 0
	}
	used := s.Blocks - s.Bfree
	if used+s.Bavail == 0 {
		return 0
	}
	// As df(1): what only root may use does not count, and it rounds up.
	return int((100*used + used + s.Bavail - 1) / (used + s.Bavail))
}

// cgroupMemoryKB is the memory that the machine's own control group uses, without pages that can be
// dropped at once; known is false where the machine has no group of its own.
func cgroupMemoryKB(root string) (kb int64, known bool) {
	for _, names := range [][3]string{
		{"memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"},
		{"memory.current", "memory.stat", "inactive_file"},
	} {
		data, err := os.ReadFile(filepath.Join(root, names[0]))
		if err != nil {
			continue
		}
		used, err := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
		if err != nil {
			continue
		}
		if stat, err := os.ReadFile(filepath.Join(root, names[1])); err == nil {
			used -= field(stat, names[2])
		}
		return max(0, used) / 1024, true
	}
	return 0, false
}

// field is the number after name in lines of the form "name number".
func field(data []byte, name string) int64 {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		if rest, found := bytes.CutPrefix(lines.Bytes(), []byte(name+" ")); found {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(rest)), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
