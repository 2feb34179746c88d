package process

import (
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/machine"
)

func TestAMachineThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	master := []machine.Job{{Name: machine.KubernetesAPIJob}}
	roomy := host{cpus: 2, memoryMB: 8000, freeMB: 4000, diskMB: 50_000}
	for name, c := range map[string]struct {
		host  host
		cloud map[string]any
		want  string // part of the message; empty: it fits
	}{
		"fits":                 {roomy, map[string]any{"cpu": 2, "ram": 2048}, ""},
		"numbers of JSON":      {roomy, map[string]any{"cpu": 2.0, "ram": 2048.0}, ""},
		"too many CPUs":        {roomy, map[string]any{"cpu": 4, "ram": 2048}, "vm_type large has 4 CPUs, this host 2: choose a plan with a smaller vm_type"},
		"too much memory":      {roomy, map[string]any{"cpu": 1, "ram": 16384}, "vm_type large has 16384 MB of memory, this host 8000 MB"},
		"memory is short":      {host{2, 8000, 100, 50_000}, nil, "100 MB of memory left, a machine of group master needs at least 500 MB"},
		"disk is full":         {host{2, 8000, 4000, 3}, nil, "/data has 3 MB left, a machine needs at least 1024 MB: make room there"},
		"cpu is not a number":  {roomy, map[string]any{"cpu": "many"}, "vm_type large: cloud_properties.cpu is many, not a number"},
		"memory is not a size": {roomy, map[string]any{"ram": -1}, "cloud_properties.ram is -1: it has to be at least 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := machine.Spec{Group: "master", VMType: "large", CloudProperties: c.cloud, Jobs: master}
			s, err := sizeOf(spec)
			if err == nil {
				err = c.host.fits(spec, s, "/data")
			}
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTheHostIsSeen(t *testing.T) {
	t.Parallel()
	h, err := lookAtHost(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if h.cpus < 1 || h.memoryMB < 100 || h.freeMB < 1 || h.freeMB > h.memoryMB || h.diskMB < 1 {
		t.Errorf("%+v", h)
	}
	if _, err := lookAtHost("/nowhere"); err == nil {
		t.Error("a folder that is not there has room")
	}
}

func FuzzMeminfo(f *testing.F) {
	f.Add([]byte("MemTotal:  12 kB\n"))
	f.Add([]byte("MemTotal: x kB\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if mb, err := meminfo(raw, "MemTotal"); err != nil && mb != 0 {
			t.Errorf("%d with %v", mb, err)
		}
	})
}
