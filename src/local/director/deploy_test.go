package director_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDeployWritesTheRecordedEvents(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	done := b.deploy(d1, "", "done")
	if *done.Result != "/deployments/d1" || done.Description != "create deployment" {
		t.Errorf("task is %+v", done)
	}
	got := b.script(done.ID)
	full := func(name string, index, total string) []string {
		var lines []string
		for _, status := range []string{
			"started", "in_progress 5 executing pre-stop", "in_progress 10 executing drain", "in_progress 30 stopping jobs",
			"in_progress 40 executing post-stop", "in_progress 50 installing packages", "in_progress 60 configuring jobs",
			"in_progress 70 executing pre-start", "in_progress 90 starting jobs", "in_progress 100 executing post-start", "finished",
		} {
			group, _, _ := strings.Cut(name, " ")
			lines = append(lines, "Updating instance ["+group+"] "+index+"/"+total+" "+name+": "+status)
		}
		return lines
	}
	want := slices.Concat([]string{
		"Preparing deployment [] 1/1 Preparing deployment: started",
		"Preparing deployment [] 1/1 Preparing deployment: finished",
		"Preparing deployment [] 2/1 Rendering templates: started",
		"Preparing deployment [] 2/1 Rendering templates: finished",
		"Preparing package compilation [] 1/1 Finding packages to compile: started",
		"Preparing package compilation [] 1/1 Finding packages to compile: finished",
	})
	if diff := cmp.Diff(want, got[:6]); diff != "" {
		t.Error(diff)
	}
	creating := got[6:16]
	for _, line := range creating {
		if !strings.HasPrefix(line, "Creating missing vms [] ") {
			t.Errorf("%s is not about creating", line)
		}
	}
	want = slices.Concat(full("master (0) (canary)", "1", "1"), full("worker (0) (canary)", "1", "4"), full("worker (2)", "2", "4"))
	if diff := cmp.Diff(want, got[16:49]); diff != "" {
		t.Error(diff)
	}
	rest := slices.Sorted(slices.Values(stripIndex(got[49:])))
	want = slices.Sorted(slices.Values(stripIndex(slices.Concat(full("worker (1)", "3", "4"), full("worker (3)", "4", "4")))))
	if diff := cmp.Diff(want, rest); diff != "" {
		t.Error(diff)
	}
}

func stripIndex(lines []string) []string {
	var out []string
	for _, line := range lines {
		out = append(out, strings.NewReplacer("3/4", "N/4", "4/4", "N/4").Replace(line))
	}
	return out
}

func TestDeployingTheSameManifestTouchesNothing(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	before := b.get("/deployments/d1/instances")
	again := b.deploy(d1, "", "done")
	want := []string{
		"Preparing deployment [] 1/1 Preparing deployment: started",
		"Preparing deployment [] 1/1 Preparing deployment: finished",
		"Preparing deployment [] 2/1 Rendering templates: started",
		"Preparing deployment [] 2/1 Rendering templates: finished",
		"Preparing package compilation [] 1/1 Finding packages to compile: started",
		"Preparing package compilation [] 1/1 Finding packages to compile: finished",
	}
	if diff := cmp.Diff(want, b.script(again.ID)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, b.get("/deployments/d1/instances")); diff != "" {
		t.Error(diff)
	}
}
