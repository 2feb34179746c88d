package isolation_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

func TestDetectFindsTheBestModeAndSaysWhyNotABetterOne(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	finding, err := isolation.Detect(testContext(t), isolation.DetectOptions{Program: program(t), Dir: dir})
	must(t, err)
	modes := allModes()
	best := slices.IndexFunc(modes, func(m isolation.Mode) bool { _, refused := possible()[m]; return !refused })
	if finding.Mode != modes[best] {
		t.Errorf("mode %s, want %s", finding.Mode, modes[best])
	}
	for i, mode := range modes {
		if reason, refused := finding.Refused[mode]; refused != (i < best) || refused && reason == "" {
			t.Errorf("mode %s: refused %t for %q", mode, refused, reason)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestDetectOfOneMode(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		finding, err := isolation.Detect(testContext(t), isolation.DetectOptions{Program: program(t), Dir: t.TempDir(), Only: mode})
		must(t, err)
		if finding.Mode != mode || len(finding.Refused) > 0 {
			t.Errorf("%+v", finding)
		}
	})
}

func TestDetectRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct {
		options isolation.DetectOptions
		want    string
	}{
		"unknown mode": {isolation.DetectOptions{Only: "docker"}, `"docker" of machines is not known: root, rootless, kwok`},
		"no folder":    {isolation.DetectOptions{Program: program(t), Dir: file, Only: isolation.Kwok}, "mode kwok are not possible here: make the machines' folder"},
		"no program":   {isolation.DetectOptions{Program: "/no/such/program", Dir: t.TempDir()}, "/no/such/program"},
	} {
		_, err := isolation.Detect(testContext(t), c.options)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestDetectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	_, err := isolation.Detect(ctx, isolation.DetectOptions{Program: program(t), Dir: t.TempDir()})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
