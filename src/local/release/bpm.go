package release

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"gopkg.in/yaml.v3"
)

// bpmConfig is the part of bpm.yml that a run needs (reference/bosh-release.md §6).
// Limits and volumes have no effect here.
type bpmConfig struct {
	Processes []bpmProcess `yaml:"processes"`
}

type bpmProcess struct {
	Name       string            `yaml:"name"`
	Executable string            `yaml:"executable"`
	Args       []string          `yaml:"args"`
	Env        map[string]string `yaml:"env"`
	Workdir    string            `yaml:"workdir"`
}

// standInForBPM is `bpm run JOB [-p PROCESS]`: the process runs as it is configured,
// its output is kept below /var/vcap/sys/log too, and its exit code is bpm's.
func standInForBPM(args []string) (int, error) {
	if len(args) != 2 && len(args) != 4 || args[0] != "run" || len(args) == 4 && args[2] != "-p" {
		return 0, fmt.Errorf("bpm %v: here bpm has nothing but 'run JOB [-p PROCESS]'", args)
	}
	job := args[1]
	name := job
	if len(args) == 4 {
		name = args[3]
	}
	process, err := readBPM(job, name)
	if err != nil {
		return 0, err
	}
	data, logs := filepath.Join(vcap, "data", job), filepath.Join(vcap, "sys", "log", job)
	temporary := filepath.Join(data, "tmp")
	for _, dir := range []string{temporary, logs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return 0, err
		}
	}
	cmd := exec.Command(process.Executable, process.Args...)
	cmd.Dir = cmp.Or(process.Workdir, filepath.Join(vcap, "jobs", job))
	cmd.Env = []string{"PATH=" + searchPath, "LANG=en_US.UTF-8", "HOME=" + data, "TMPDIR=" + temporary}
	for key, value := range process.Env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	stdout, err := openLog(logs, name+".stdout.log")
	if err != nil {
		return 0, err
	}
	defer func() { _ = stdout.Close() }()
	stderr, err := openLog(logs, name+".stderr.log")
	if err != nil {
		return 0, err
	}
	defer func() { _ = stderr.Close() }()
	cmd.Stdout, cmd.Stderr = io.MultiWriter(os.Stdout, stdout), io.MultiWriter(os.Stderr, stderr)
	return runToEnd(cmd)
}

// searchPath is bpm's.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func readBPM(job, process string) (bpmProcess, error) {
	text, err := os.ReadFile(filepath.Join(vcap, "jobs", job, "config", "bpm.yml"))
	if err != nil {
		return bpmProcess{}, fmt.Errorf("job %s: %w", job, err)
	}
	var config bpmConfig
	if err := yaml.Unmarshal(text, &config); err != nil {
		return bpmProcess{}, fmt.Errorf("bpm.yml of job %s: %w", job, err)
	}
	at := slices.IndexFunc(config.Processes, func(p bpmProcess) bool { return p.Name == process })
	if at < 0 {
		return bpmProcess{}, fmt.Errorf("bpm.yml of job %s has no process %s", job, process)
	}
	return config.Processes[at], nil
}

func openLog(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
}

// runToEnd hands signals on and returns the exit code.
func runToEnd(cmd *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	// Its own group, so that a signal to bpm's reaches it once.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s)
		case err := <-ended:
			if cmd.ProcessState == nil {
				return 0, err
			}
			return exitCode(cmd.ProcessState), nil
		}
	}
}
