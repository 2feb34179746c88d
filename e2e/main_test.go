package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programs says where the built programs are. make test builds them first and
// names the places; without it the tests build for themselves.
type programs struct {
	bin  string // folder with pks, pks-local, …
	bosh string // the public bosh CLI
}

var built programs

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	scratch, err := os.MkdirTemp("", "pks-e2e-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	if built, err = findPrograms(context.Background(), scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func findPrograms(ctx context.Context, scratch string) (programs, error) {
	p := programs{bin: os.Getenv("PKS_TEST_BIN"), bosh: os.Getenv("PKS_TEST_BOSH")}
	if p.bin == "" {
		p.bin = scratch
		if err := build(ctx, "..", scratch+string(filepath.Separator), "./src/cmd/...", "./errands/..."); err != nil {
			return p, err
		}
	}
	if p.bosh == "" {
		p.bosh = filepath.Join(scratch, "bosh")
		if err := build(ctx, "../tools/bosh", p.bosh, "github.com/cloudfoundry/bosh-cli/v7"); err != nil {
			return p, err
		}
	}
	return p, nil
}

func build(ctx context.Context, module, out string, what ...string) error {
	args := append([]string{"build", "-C", module, "-trimpath", "-buildvcs=false", "-o", out}, what...)
	if text, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", strings.Join(what, " "), err, text)
	}
	return nil
}
