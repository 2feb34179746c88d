package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// kubelet is the program that is a worker's node.
func (s *stack) kubelet() string {
	if s.real.mode == "kwok" {
		return "kwok"
	}
	return "kubelet"
}

// processes are the pids of a component's processes that belong to this stack.
func (s *stack) processes(name string) []int {
	s.t.Helper()
	var found []int
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range entries {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		program, _, _ := strings.Cut(string(raw), "\x00")
		if filepath.Base(program) != name {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && s.ours(pid) {
			found = append(found, pid)
		}
	}
	return found
}

// ours tells whether a process descends from the stack.
func (s *stack) ours(pid int) bool {
	root := s.status().PID
	for ; pid > 1; pid = parent(pid) {
		if pid == root {
			return true
		}
	}
	return false
}

// parent is 0 for a process that has ended.
func parent(pid int) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in brackets can hold anything.
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	up, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return up
}

// agentOf is the first process of a machine that runs the component.
func (s *stack) agentOf(component string) int {
	s.t.Helper()
	all := s.processes(component)
	if len(all) == 0 {
		s.fatalf("no process %s runs", component)
	}
	for pid := all[0]; pid > 1; pid = parent(pid) {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(raw), "machine-part\x00machine") {
			return pid
		}
	}
	s.fatalf("%s runs on no machine", component)
	return 0
}

func (s *stack) killOne(name string) int {
	s.t.Helper()
	all := s.processes(name)
	if len(all) == 0 {
		s.fatalf("no process %s runs", name)
	}
	if err := syscall.Kill(all[0], syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	return all[0]
}

// instances is what the Director says of its machines, machine ids included.
func (s *stack) instances() string {
	s.t.Helper()
	env := strings.Split(regexp.MustCompile(`(?m)^export `).ReplaceAllString(s.must(s.local("env")), ""), "\n")
	var clean []string
	for _, line := range env {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok {
			clean = append(clean, name+"="+strings.Trim(value, `'"`))
		}
	}
	return s.must(s.exec(built.bosh, clean, "vms", "--column=instance", "--column=process_state", "--column=vm_cid", "--column=agent_id"))
}
