// Derive writes the go.mod and go.sum with which one minor of Kubernetes is built: `go run . 1.36.3` makes
// ../1.36. A program that imports Kubernetes has to repeat what Kubernetes' own go.mod says, because replacements
// (by which Kubernetes finds its staging modules) and the exact versions it was tested with hold for the main
// module only. So the file is derived, never written.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

const (
	kubernetes = "k8s.io/kubernetes"
	program    = "github.com/pks-community/pks-release/tools/kubernetes/kube"
)

// neverImported are the staging modules that nothing needs.
var neverImported = []string{"k8s.io/sample-cli-plugin", "k8s.io/sample-controller"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 2 || !semver.IsValid("v"+os.Args[1]) {
		fmt.Fprintln(os.Stderr, "usage: go run . VERSION    (in tools/kubernetes/derive; VERSION as 1.36.3)")
		os.Exit(2)
	}
	if err := run(ctx, "..", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, recipes, version string) error {
	upstream, err := download(ctx, version)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(upstream, "go.mod"))
	if err != nil {
		return fmt.Errorf("read go.mod of Kubernetes: %w", err)
	}
	derived, err := derive(data, version)
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(upstream, "go.sum"))
	if err != nil {
		return fmt.Errorf("read go.sum of Kubernetes: %w", err)
	}
	dir, err := filepath.Abs(filepath.Join(recipes, strings.TrimPrefix(semver.MajorMinor("v"+version), "v")))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder of the minor: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), derived, 0o644); err != nil {
		return fmt.Errorf("write go.mod: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644); err != nil {
		return fmt.Errorf("write go.sum: %w", err)
	}
	return completeSums(ctx, filepath.Join(recipes, "kube"), filepath.Join(dir, "go.mod"))
}

// download returns the folder of Kubernetes' sources in the module cache.
func download(ctx context.Context, version string) (string, error) {
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", kubernetes+"@v"+version)
	command.Dir = os.TempDir() // outside any module
	command.Stderr = os.Stderr
	output, err := command.Output()
	var module struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(output, &module); jsonErr == nil && module.Error != "" {
		return "", fmt.Errorf("download Kubernetes: %s", module.Error)
	}
	if err != nil {
		return "", fmt.Errorf("download Kubernetes: %w", err)
	}
	return module.Dir, nil
}

// completeSums adds the lines that upstream's go.sum cannot have: of Kubernetes and of its staging modules.
func completeSums(ctx context.Context, dir, modfile string) error {
	command := exec.CommandContext(ctx, "go", "list", "-mod=mod", "-modfile="+modfile, "-deps", "-test", "./...")
	command.Dir, command.Stderr = dir, os.Stderr
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if err := command.Run(); err != nil {
		return fmt.Errorf("complete go.sum: %w", err)
	}
	return nil
}

// derive makes the go.mod of a program that is built from Kubernetes as Kubernetes is built: the same go and
// godebug lines, every requirement pinned, and the staging modules by their published versions (v0.36.3 for
// Kubernetes 1.36.3).
func derive(upstream []byte, version string) ([]byte, error) {
	from, err := modfile.Parse("go.mod", upstream, nil)
	if err != nil {
		return nil, fmt.Errorf("read go.mod of Kubernetes: %w", err)
	}
	_, rest, _ := strings.Cut(version, ".")
	stagingVersion := "v0." + rest
	to := new(modfile.File)
	steps := []error{to.AddModuleStmt(program), to.AddGoStmt(from.Go.Version)}
	for _, setting := range from.Godebug {
		steps = append(steps, to.AddGodebug(setting.Key, setting.Value))
	}
	to.AddNewRequire(kubernetes, "v"+version, false)
	for _, require := range from.Require {
		pinned := require.Mod.Version
		if pinned == "v0.0.0" {
			pinned = stagingVersion
		}
		if !isNeverImported(require.Mod.Path) {
			to.AddNewRequire(require.Mod.Path, pinned, require.Indirect)
		}
	}
	for _, replace := range from.Replace {
		if strings.HasPrefix(replace.New.Path, "./staging/") && !isNeverImported(replace.Old.Path) {
			steps = append(steps, to.AddReplace(replace.Old.Path, "", replace.Old.Path, stagingVersion))
		}
	}
	for _, err := range steps {
		if err != nil {
			return nil, fmt.Errorf("derive go.mod: %w", err)
		}
	}
	to.SetRequireSeparateIndirect(to.Require)
	to.Cleanup()
	return modfile.Format(to.Syntax), nil
}

func isNeverImported(module string) bool {
	for _, name := range neverImported {
		if module == name {
			return true
		}
	}
	return false
}
