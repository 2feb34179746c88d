package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director/state"
)

func TestTheKindOfMachinesIsKeptAndNotChangedUnderClusters(t *testing.T) {
	t.Parallel()
	const free, blocked = "", "Kubernetes is not built"
	for name, c := range map[string]struct {
		asked, kept Machines
		clusters    int
		obstacle    string
		want        Machines
		words       string // of the reason or the error
	}{
		"first start, all there":      {"", "", 0, free, Process, "can run it"},
		"first start, nothing built":  {"", "", 0, blocked, Simulated, blocked},
		"asked for":                   {Process, "", 0, blocked, Process, "asked"},
		"as before":                   {"", Simulated, 3, free, Simulated, "before"},
		"as before, obstacle or not":  {"", Process, 0, blocked, Process, "before"},
		"the same again":              {Process, Process, 2, free, Process, "asked"},
		"changed without clusters":    {Simulated, Process, 0, free, Simulated, "asked"},
		"changed with a cluster":      {Process, Simulated, 1, free, "", "1 cluster on simulated machines"},
		"changed with many, no force": {Simulated, Process, 2, free, "", "2 clusters on process machines"},
	} {
		kind, why, err := chooseKind(c.asked, c.kept, c.clusters, func() string { return c.obstacle })
		if err != nil {
			why = err.Error()
			if !strings.Contains(why, "pks delete-cluster") || !strings.Contains(why, "--data-dir") {
				t.Errorf("%s: the error has no remedy: %s", name, why)
			}
		}
		if kind != c.want || !strings.Contains(why, c.words) {
			t.Errorf("%s: %q because %q", name, kind, why)
		}
	}
}

func TestTheIsolationIsTheBestUnlessClustersNeedAnother(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		asked, kept string
		kind        Machines
		clusters    int
		want        string
		fails       string
	}{
		"best":                     {"", "", Process, 0, "", ""},
		"best again":               {"", "kwok", Process, 0, "", ""},
		"that of the clusters":     {"", "kwok", Process, 1, "kwok", ""},
		"asked for":                {"rootless", "root", Process, 0, "rootless", ""},
		"asked for the same":       {"root", "root", Process, 5, "root", ""},
		"asked against clusters":   {"rootless", "root", Process, 1, "", "1 cluster on machines of isolation root"},
		"simulated needs none":     {"", "root", Simulated, 0, "", ""},
		"simulated cannot have it": {"root", "", Simulated, 0, "", "--machines process"},
	} {
		got, err := chooseMode(c.asked, c.kept, c.kind, c.clusters)
		if got != c.want || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestOnlyOfferedVersionsAreChosen(t *testing.T) {
	t.Parallel()
	offered := []string{"1.35.4", "1.36.3"}
	for name, c := range map[string]struct{ asked, kept, want, fails string }{
		"newest at first":  {"", "", "1.36.3", ""},
		"kept":             {"", "1.35.4", "1.35.4", ""},
		"kept one is gone": {"", "1.34.1", "1.36.3", ""},
		"asked":            {"1.35.4", "1.36.3", "1.35.4", ""},
		"not offered":      {"1.30.0", "1.35.4", "", "choose one of 1.35.4, 1.36.3"},
	} {
		got, err := chooseVersion("Kubernetes", c.asked, c.kept, offered, "1.36.3")
		if got != c.want || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAClusterNeverGoesBack(t *testing.T) {
	t.Parallel()
	deployed := []state.Deployment{
		{Name: "a", Releases: []state.Version{{Name: "bpm", Version: "9"}, {Name: "kubo", Version: "1.35.4"}}},
		{Name: "b", Releases: []state.Version{{Name: "kubo", Version: "1.9.10"}}},
		{Name: "new"},
	}
	for version, fails := range map[string]string{
		"1.36.3": "", "1.35.4": "", "1.35.3": "a runs Kubernetes 1.35.4", "1.10.0": "a runs",
	} {
		if err := mayOffer(version, deployed); (err != nil) != (fails != "") || err != nil && !strings.Contains(err.Error(), fails) {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestSettingsAreKept(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if got, err := readSettings(l); err != nil || got != (Settings{}) {
		t.Errorf("a stack that never ran has %+v, %v", got, err)
	}
	want := Settings{Machines: Process, Isolation: "rootless", Kubernetes: "1.36.3", Stemcell: "621.76"}
	if err := want.write(l); err != nil {
		t.Fatal(err)
	}
	got, err := readSettings(l)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(l.Settings(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readSettings(l); err == nil || !strings.Contains(err.Error(), l.Settings()) {
		t.Errorf("damaged settings: %v", err)
	}
}

func TestDeploymentsAreReadFromTheDirectorsState(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if got, err := deployments(t.Context(), l); err != nil || len(got) != 0 {
		t.Errorf("of a stack that never ran: %v, %v", got, err)
	}
	store, err := state.Open(t.Context(), filepath.Join(l.Director(), "director.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.EnsureDeployment(t.Context(), "service-instance_1", nil); err != nil {
		t.Fatal(err)
	}
	got, err := deployments(t.Context(), l) // while the Director has it open
	if err != nil || len(got) != 1 || got[0].Name != "service-instance_1" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestClustersAreThoseOfTheHostsFile(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if got, err := Clusters(l); err != nil || got != nil {
		t.Errorf("without a file: %v, %v", got, err)
	}
	text := "# names\n127.77.254.1\ta.pks.local\n\n127.0.0.1 b.test c.test # two\n"
	if err := os.WriteFile(l.Hosts(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Clusters(l)
	if err != nil {
		t.Fatal(err)
	}
	want := []Cluster{{"a.pks.local", "127.77.254.1:8443"}, {"b.test", "127.0.0.1:8443"}, {"c.test", "127.0.0.1:8443"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(l.Hosts(), []byte("nonsense here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Clusters(l); err == nil || !strings.Contains(err.Error(), l.Hosts()) {
		t.Errorf("damaged file: %v", err)
	}
}

func TestMachinesAndLoadBalancersShareNoAddress(t *testing.T) {
	t.Parallel()
	text := cloudConfig(subnetOf(77))
	if !strings.Contains(text, "range: 127.77.0.0/16") || !strings.Contains(text, "reserved: [127.77.0.1 - 127.77.0.9, 127.77.254.0/24]") {
		t.Errorf("got %s", text)
	}
}
