package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
)

// RuncWrapperCommand is pks-local's hidden command that RuncWrapper implements.
const RuncWrapperCommand = "runc-wrapper"

// RuncWrapper runs runc in a user namespace with a single id (reference/local-kubernetes.md §5): args are
// the path of the real runc and then runc's own. It takes out of the container's specification what cannot
// be had there, and becomes runc; so it returns, with an exit code, only when that fails.
func RuncWrapper(args []string) int {
	err := runcWrapper(args, func(program string, args []string) error {
		return syscall.Exec(program, args, os.Environ())
	})
	fmt.Fprintln(os.Stderr, "runc-wrapper:", err)
	return 1
}

func runcWrapper(args []string, become func(program string, args []string) error) error {
	if len(args) == 0 {
		return errors.New("usage: runc-wrapper RUNC [ARGUMENT…]")
	}
	if bundle := bundleOf(args[1:]); bundle != "" {
		if err := adaptBundle(filepath.Join(bundle, "config.json")); err != nil {
			return err
		}
	}
	if err := become(args[0], append([]string{"runc"}, args[1:]...)); err != nil {
		return fmt.Errorf("run %s: %w", args[0], err)
	}
	return nil
}

// bundleOf finds the value of the flag --bundle.
func bundleOf(args []string) string {
	for i, arg := range args {
		for _, flag := range []string{"--bundle", "-bundle", "-b"} {
			if arg == flag && i+1 < len(args) {
				return args[i+1]
			}
			if value, ok := strings.CutPrefix(arg, flag+"="); ok {
				return value
			}
		}
	}
	return ""
}

// adaptBundle takes out of a container's specification the group of its terminals, which is not mapped, and
// its cgroup with its limits, which may not be made.
func adaptBundle(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the container's specification: %w", err)
	}
	adapted, err := adaptSpecification(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	if err := renameio.WriteFile(file, adapted, 0o600); err != nil {
		return fmt.Errorf("write the container's specification: %w", err)
	}
	return nil
}

func adaptSpecification(text []byte) ([]byte, error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var specification map[string]any
	if err := decoder.Decode(&specification); err != nil {
		return nil, fmt.Errorf("it is no JSON object: %w", err)
	}
	if linux, ok := specification["linux"].(map[string]any); ok {
		delete(linux, "cgroupsPath")
		delete(linux, "resources")
	}
	mounts, _ := specification["mounts"].([]any)
	for _, m := range mounts {
		mount, _ := m.(map[string]any)
		options, _ := mount["options"].([]any)
		if mount["type"] == "devpts" {
			mount["options"] = slices.DeleteFunc(options, func(option any) bool {
				s, _ := option.(string)
				return strings.HasPrefix(s, "gid=")
			})
		}
	}
	adapted, err := json.Marshal(specification)
	if err != nil {
		return nil, fmt.Errorf("write it: %w", err)
	}
	return adapted, nil
}
