package director_test

import (
	"encoding/json"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	bosh "github.com/cloudfoundry/bosh-cli/v7/director"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	"github.com/google/go-cmp/cmp"
)

// library returns the public bosh CLI's own client for the Director.
func (b *bench) library() bosh.Director {
	b.Helper()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.server.Certificate().Raw}))
	config, err := bosh.NewConfigFromURL(b.url)
	if err != nil {
		b.Fatal(err)
	}
	config.CACert, config.Client, config.ClientSecret = ca, "admin", "secret"
	client, err := bosh.NewFactory(boshlog.NewLogger(boshlog.LevelNone)).New(config, bosh.NewNoopTaskReporter(), bosh.NewNoopFileReporter())
	if err != nil {
		b.Fatal(err)
	}
	return client
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheLibraryOfTheBoshCLIWorks(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	client := b.library()
	info, err := client.Info()
	check(t, err)
	if info.Name != "TestDirector" || info.User != "admin" || info.Auth.Type != "basic" {
		t.Errorf("info is %+v", info)
	}
	d, err := client.FindDeployment("d1")
	check(t, err)
	diff, err := d.Diff([]byte(d1), false)
	check(t, err)
	if len(diff.Diff) == 0 {
		t.Error("a new deployment differs from nothing")
	}
	check(t, d.Update([]byte(d1), bosh.UpdateOpts{Diff: diff}))
	manifest, err := d.Manifest()
	check(t, err)
	if d := cmp.Diff(d1, manifest); d != "" {
		t.Error(d)
	}
	diff, err = d.Diff([]byte(strings.Replace(d1, "instances: 4", "instances: 3", 1)), false)
	check(t, err)
	want := [][]any{{"instance_groups:", nil}, {"- name: worker", nil}, {"  instances: 4", "removed"}, {"  instances: 3", "added"}}
	if d := cmp.Diff(want, diff.Diff); d != "" {
		t.Error(d)
	}

	vms, err := d.VMInfos()
	check(t, err)
	instances, err := d.InstanceInfos()
	check(t, err)
	if len(vms) != 5 || len(instances) != 6 || vms[0].ProcessState != "running" || len(vms[0].Processes) == 0 || vms[0].VMCreatedAt.IsZero() {
		t.Errorf("%d machines, %d instances, first %+v", len(vms), len(instances), vms[0])
	}
	variables, err := d.Variables()
	check(t, err)
	if len(variables) != 2 || variables[0].Name != "/TestDirector/d1/ca" {
		t.Errorf("variables are %+v", variables)
	}
	errands, err := d.Errands()
	check(t, err)
	if d := cmp.Diff([]bosh.Errand{{Name: "smoke"}, {Name: "chk"}}, errands); d != "" {
		t.Error(d)
	}
	results, err := d.RunErrand("chk", false, false, []bosh.InstanceGroupOrInstanceSlug{bosh.NewInstanceGroupOrInstanceSlug("master", "")})
	check(t, err)
	if len(results) != 1 || results[0].ExitCode != 0 {
		t.Errorf("errand gave %+v", results)
	}
	check(t, d.Restart(bosh.NewAllOrInstanceGroupOrInstanceSlug("worker", "0"), bosh.RestartOpts{Converge: true}))
	check(t, d.Recreate(bosh.NewAllOrInstanceGroupOrInstanceSlug("worker", "1"), bosh.RecreateOpts{}))
	check(t, d.Stop(bosh.NewAllOrInstanceGroupOrInstanceSlug("worker", ""), bosh.StopOpts{Hard: true, Converge: true}))
	check(t, d.Start(bosh.NewAllOrInstanceGroupOrInstanceSlug("", ""), bosh.StartOpts{Converge: true}))
	slug := bosh.NewAllOrInstanceGroupOrInstanceSlug("master", "0")
	logs, err := d.FetchLogs(slug, nil, "job")
	check(t, err)
	if a := b.do("GET", "/resources/"+url.PathEscape(logs.BlobstoreID), ""); a.status != 200 {
		t.Errorf("logs: %d %s", a.status, a.body)
	}
	problems, err := d.ScanForProblems()
	check(t, err)
	if len(problems) != 0 {
		t.Errorf("problems are %+v", problems)
	}

	deployments, err := client.Deployments()
	check(t, err)
	if len(deployments) != 1 || deployments[0].Name() != "d1" {
		t.Errorf("deployments are %v", deployments)
	}
	releases, err := client.Releases()
	check(t, err)
	stemcells, err := client.Stemcells()
	check(t, err)
	if len(releases) != 2 || len(stemcells) != 2 || !strings.Contains(releases[0].VersionMark("*")+releases[1].VersionMark("*"), "*") {
		t.Errorf("%d releases, %d stemcells", len(releases), len(stemcells))
	}
	cloud, err := client.LatestConfig("cloud", "default")
	check(t, err)
	if cloud.Content != cloudConfig {
		t.Errorf("cloud-config is %s", cloud.Content)
	}
	locks, err := client.Locks()
	check(t, err)
	events, err := client.Events(bosh.EventsFilter{Deployment: "d1"})
	check(t, err)
	if len(locks) != 0 || len(events) == 0 {
		t.Errorf("%d locks, %d events", len(locks), len(events))
	}
	tasks, err := client.RecentTasks(30, bosh.TasksFilter{All: true})
	check(t, err)
	if len(tasks) < 8 {
		t.Errorf("%d tasks", len(tasks))
	}
	check(t, d.Delete(false))
	disks, err := client.OrphanDisks()
	check(t, err)
	check(t, disks[0].Delete())
	if left, err := client.OrphanDisks(); err != nil || len(left) != 0 {
		t.Errorf("disks left: %v %v", left, err)
	}
	_, err = client.CleanUp(true, false, false)
	check(t, err)
	if left := b.get("/releases"); left != "[]" {
		var pretty any
		_ = json.Unmarshal([]byte(left), &pretty)
		t.Errorf("releases left: %v", pretty)
	}
}
