package director_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tgz packs files.
func tgz(t *testing.T, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		check(t, archive.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o600, Size: int64(len(files[name]))}))
		_, err := archive.Write([]byte(files[name]))
		check(t, err)
	}
	check(t, archive.Close())
	check(t, zip.Close())
	return b.String()
}

func release(t *testing.T) string {
	t.Helper()
	return tgz(t, map[string]string{
		"release.MF": "name: up\nversion: 3.0\n",
		"jobs/srv.tgz": tgz(t, map[string]string{
			"job.MF": "name: srv\ntemplates: {run: bin/run}\nproperties: {a.b: {default: 1}, c: {}}\nprovides: [{name: l, type: t, properties: [c], shared: true}]\nconsumes: [{name: m, type: u, optional: true}]\n",
			"monit":  "check process srv\n  with pidfile x\ncheck process \"other\"\n",
		}),
	})
}

func TestAnUploadedReleaseCanBeDeployed(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	done := b.run(b.do("POST", "/releases", release(t), "Content-Type", "application/x-compressed"), "done")
	if *done.Result != "Created release 'up/3.0'" {
		t.Errorf("result is %s", *done.Result)
	}
	again := b.run(b.do("POST", "/releases", release(t), "Content-Type", "application/x-compressed"), "done")
	if script := strings.Join(b.script(again.ID), "\n"); strings.Contains(script, "Creating new jobs") {
		t.Errorf("the same release was made twice:\n%s", script)
	}
	if got := b.get("/releases/up?version=3.0"); !strings.Contains(got, `"consumes":[{"name":"m","type":"u","optional":true}],"provides":[{"name":"l","type":"t","shared":true,"properties":["c"]}]`) {
		t.Errorf("release is %s", got)
	}
	manifest := strings.NewReplacer("name: web, release: rec, properties: {port: 1}", "name: srv, release: up", "[{name: rec, version: 1.0.0}]", "[{name: up, version: latest}]").Replace(conformanceManifest("u", 1))
	b.deploy(manifest, "", "done")
	if got := b.get("/deployments/u/errands"); got != `[{"name":"srv"}]` {
		t.Errorf("errands are %s", got)
	}
	inUse := b.run(b.do("DELETE", "/releases/up?version=3.0", ""), "error")
	if diff := cmp.Diff([]string{"error 30008 ReleaseVersion 'up/3.0' is still in use by: u"}, b.script(inUse.ID)); diff != "" {
		t.Error(diff)
	}
	b.run(b.do("DELETE", "/deployments/u", ""), "done")
	b.run(b.do("DELETE", "/releases/up?version=3.0", ""), "done")
	if a := b.do("GET", "/releases/up", ""); a.status != http.StatusNotFound {
		t.Errorf("release is still there: %d", a.status)
	}
}

func TestAStemcellIsTakenFromAnAddress(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	archive := tgz(t, map[string]string{"image": "x", "stemcell.MF": "name: s\nversion: \"9\"\noperating_system: os9\n"})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/s.tgz" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(archive))
	}))
	defer web.Close()
	post := func(path string) answer {
		return b.do("POST", "/stemcells", fmt.Sprintf(`{"location":%q}`, web.URL+path), "Content-Type", "application/json")
	}
	if done := b.run(post("/s.tgz"), "done"); *done.Result != "/stemcells/s/9" {
		t.Errorf("result is %s", *done.Result)
	}
	if a := b.do("POST", "/stemcell_uploads", `{"stemcell":{"name":"s","version":"9"}}`); a.body != `{"needed":false}` {
		t.Errorf("needed: %d %s", a.status, a.body)
	}
	if script := b.script(b.run(post("/nope"), "error").ID); script[len(script)-1] != "error 100001 Downloading remote stemcell failed. Check task debug log for details." {
		t.Errorf("missing archive: %q", script)
	}
	if a := b.do("POST", "/stemcells?sha1=a", `{"location":"x","sha1":"b"}`, "Content-Type", "application/json"); a.body != "Sha1 provided in multiple places" {
		t.Errorf("two digests: %d %s", a.status, a.body)
	}
	b.run(b.do("DELETE", "/stemcells/s/9", ""), "done")
	if script := b.script(b.run(b.do("DELETE", "/stemcells/s/9", ""), "error").ID); script[0] != "error 50003 Stemcell 's/9' doesn't exist" {
		t.Errorf("second delete: %q", script)
	}
}

func TestArchivesThatCannotBeReadAreTaskErrors(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	for path, code := range map[string]string{"/releases": "30002 Extracting release", "/stemcells": "50000 Extracting stemcell"} {
		for name, archive := range map[string]string{"no archive": "hello", "no manifest": tgz(t, map[string]string{"x": "y"})} {
			failed := b.run(b.do("POST", path, archive, "Content-Type", "application/x-compressed"), "error")
			script := b.script(failed.ID)
			if got, want := script[len(script)-1], "error "+code+" archive failed. Check task debug log for details."; got != want {
				t.Errorf("%s %s: %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestACleanUpRemovesWhatNobodyUses(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	if got := b.get("/cleanup/dryrun?remove_all=true"); !strings.HasPrefix(got, `{"releases":["rec/2.0.0"],"stemcells":["bosh-dummy-ubuntu-jammy-go_agent/1.501"]`) {
		t.Errorf("dry run: %s", got)
	}
	b.run(b.do("POST", "/cleanup", `{"config":{"remove_all":true}}`, "Content-Type", "application/json"), "done")
	if got := b.list("/stemcells"); len(got) != 1 || got[0]["version"] != "1.500" {
		t.Errorf("stemcells left: %v", got)
	}
}

func TestLinksCrossDeployments(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	other := "name: d2\n" + head + "instance_groups:\n- {name: c, instances: 1, azs: [z1], vm_type: small, stemcell: default, networks: [{name: default}], jobs: [{name: chk, release: rec, consumes: {web: {from: mweb, deployment: d1}}}]}\n"
	b.deploy(other, "", "done")
	if links := b.list("/links?deployment=d2"); len(links) != 1 || links[0]["link_provider_id"] == nil {
		t.Errorf("links are %v", links)
	}
	hidden := b.deploy(strings.Replace(other, "from: mweb", "from: web", 1), "", "error")
	if script := b.script(hidden.ID); !strings.Contains(script[0], "No link providers found") {
		t.Errorf("a link that is not shared: %q", script)
	}
}
