package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

const usage = `Build the programs of process machines (real Kubernetes on this machine).

usage: pks-local kubernetes build            build what is missing, each once per version
       pks-local kubernetes status [--json]  list what is built and where
       pks-local kubernetes clean            remove older versions and what broken builds left; not while
                                             a cluster that began with an older version runs

environment: ` + DirVariable + `    folder of the built programs (default pks-local/kubernetes in the user's cache folder)
             ` + RecipesVariable + `  folder of the recipes (default tools/kubernetes of the checkout)
`

// Run carries out the sub-command `pks-local kubernetes` and returns the exit code: 0 done, 1 failed (status:
// something is not built), 2 wrong usage.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	verbs := map[string]func(context.Context, *Cache, io.Writer) error{
		"build": runBuild, "status": runStatus, "status --json": runStatusJSON, "clean": runClean,
	}
	line := strings.Join(args, " ")
	if line == "help" || line == "-h" || line == "--help" {
		fmt.Fprint(stdout, usage)
		return 0
	}
	verb := verbs[line]
	if verb == nil {
		fmt.Fprint(stderr, usage)
		return 2
	}
	cache, err := openDefault()
	if err == nil {
		err = verb(ctx, cache, stdout)
	}
	switch {
	case errors.Is(err, errStatusTold):
		return 1
	case err != nil:
		fmt.Fprintln(stderr, "Error:", err)
		return 1
	}
	return 0
}

// errStatusTold ends a status that has said on its own what is missing.
var errStatusTold = errors.New("not all is built")

// openDefault returns the cache at the default place with the recipes found from the running program.
func openDefault() (*Cache, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	recipes, err := FindRecipes(executable, os.Getenv(RecipesVariable))
	if err != nil {
		return nil, err
	}
	dir, err := DefaultDir()
	if err != nil {
		return nil, err
	}
	return Open(dir, recipes), nil
}

func runBuild(ctx context.Context, cache *Cache, stdout io.Writer) error {
	return cache.Build(ctx, stdout)
}

func runStatus(_ context.Context, cache *Cache, stdout io.Writer) error {
	components, err := cache.Components()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "COMPONENT\tVERSION\tBUILT\tFOLDER")
	var missing error
	for _, component := range components {
		built, where := "yes", component.Dir
		if !component.Built {
			built, where, missing = "no", component.Reason, errStatusTold
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", component.Title, component.Version, built, where)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return missing
}

// componentStatus is one entry of the answer to status --json.
type componentStatus struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Built   bool   `json:"built"`
	Dir     string `json:"dir"`
	Reason  string `json:"reason,omitempty"`
}

// runStatusJSON prints what is built: releases of Kubernetes, oldest first, and the other components.
func runStatusJSON(_ context.Context, cache *Cache, stdout io.Writer) error {
	components, err := cache.Components()
	if err != nil {
		return err
	}
	answer := struct {
		Dir        string            `json:"dir"`
		Kubernetes []componentStatus `json:"kubernetes"`
		Components []componentStatus `json:"components"`
	}{cache.Dir(), []componentStatus{}, []componentStatus{}}
	var missing error
	for _, c := range components {
		if !c.Built {
			missing = errStatusTold
		}
		status := componentStatus{c.Name, c.Version, c.Built, c.Dir, c.Reason}
		if c.Name == kubernetesName {
			answer.Kubernetes = append(answer.Kubernetes, status)
		} else {
			answer.Components = append(answer.Components, status)
		}
	}
	slices.SortFunc(answer.Kubernetes, func(a, b componentStatus) int { return compareVersions(a.Version, b.Version) })
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(answer); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return missing
}

func runClean(ctx context.Context, cache *Cache, stdout io.Writer) error {
	removed, err := cache.Clean(ctx, stdout)
	for _, path := range removed {
		fmt.Fprintln(stdout, "Removed", path)
	}
	if len(removed) == 0 && err == nil {
		fmt.Fprintln(stdout, "Nothing to remove in", cache.Dir())
	}
	return err
}
