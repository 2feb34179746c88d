package spec

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// bpmConfig has every key that bpm knows (reference/bosh-release.md §6). bpm itself
// passes over others in silence.
type bpmConfig struct {
	Processes []bpmProcess `yaml:"processes"`
}

type bpmProcess struct {
	Name       string            `yaml:"name"`
	Executable string            `yaml:"executable"`
	Args       []string          `yaml:"args"`
	Env        map[string]string `yaml:"env"`
	Workdir    string            `yaml:"workdir"`
	Hooks      struct {
		PreStart string `yaml:"pre_start"`
	} `yaml:"hooks"`
	Capabilities []string `yaml:"capabilities"`
	Limits       struct {
		Memory       string `yaml:"memory"`
		OpenFiles    uint64 `yaml:"open_files"`
		Processes    int64  `yaml:"processes"`
		CoreFileSize uint64 `yaml:"core_file_size"`
	} `yaml:"limits"`
	EphemeralDisk     bool        `yaml:"ephemeral_disk"`
	PersistentDisk    bool        `yaml:"persistent_disk"`
	AdditionalVolumes []bpmVolume `yaml:"additional_volumes"`
	ShutdownSignal    string      `yaml:"shutdown_signal"`
	Unsafe            struct {
		Privileged          bool        `yaml:"privileged"`
		HostPidNamespace    bool        `yaml:"host_pid_namespace"`
		UnrestrictedVolumes []bpmVolume `yaml:"unrestricted_volumes"`
	} `yaml:"unsafe"`
}

type bpmVolume struct {
	Path            string `yaml:"path"`
	Writable        bool   `yaml:"writable"`
	AllowExecutions bool   `yaml:"allow_executions"`
	MountOnly       bool   `yaml:"mount_only"`
	Shared          bool   `yaml:"shared"`
}

var (
	bpmMemory    = regexp.MustCompile(`^[0-9]+[KMGT]$`)
	monitProcess = regexp.MustCompile(`(?m)^check process (\S+)$`)
	monitPidfile = regexp.MustCompile(`(?m)^  with pidfile (\S+)$`)
)

// checkBPM holds bpm.yml against bpm, and monit against bpm.yml.
func checkBPM(t *testing.T, job string, files map[string][]byte) {
	t.Helper()
	monitored := monitProcess.FindAllSubmatch(files["monit"], -1)
	text, ok := files["config/bpm.yml"]
	if !ok {
		if len(monitored) > 0 {
			t.Error("monit watches a process that bpm does not run")
		}
		return
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var config bpmConfig
	if err := decoder.Decode(&config); err != nil {
		t.Fatalf("bpm.yml: %v", err)
	}
	var names []string
	for _, p := range config.Processes {
		names = append(names, p.Name)
		if !strings.HasPrefix(p.Executable, "/var/vcap/packages/") {
			t.Errorf("process %s runs %s, which is in no package", p.Name, p.Executable)
		}
		if p.Unsafe.Privileged {
			t.Errorf("process %s is privileged", p.Name)
		}
		if !bpmMemory.MatchString(p.Limits.Memory) {
			t.Errorf("process %s may use %q of memory", p.Name, p.Limits.Memory)
		}
		if p.Limits.OpenFiles == 0 {
			t.Errorf("process %s has no limit of open files", p.Name)
		}
	}
	if len(names) == 0 || names[0] != job {
		t.Errorf("the first process of %v is not named like the job", names)
	}
	if len(monitored) == 0 {
		return // an errand
	}
	var watched []string
	for _, m := range monitored {
		watched = append(watched, string(m[1]))
	}
	if !slices.Equal(watched, names) {
		t.Errorf("monit watches %v, bpm runs %v", watched, names)
	}
	for i, m := range monitPidfile.FindAllSubmatch(files["monit"], -1) {
		if want := filepath.Join("/var/vcap/sys/run/bpm", job, names[i]+".pid"); string(m[1]) != want {
			t.Errorf("monit looks for %s, bpm writes %s", m[1], want)
		}
	}
}
