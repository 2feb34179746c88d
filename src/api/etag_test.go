package api_test

import (
	"net/http"
	"testing"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func TestReadWithTheTagInHandIsNotModified(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody).with("busy", cody, inProgress(pks.ActionUpdate))
	for _, path := range []string{"/v1/clusters/demo", "/v1/clusterdetails/demo"} {
		first := w.send(request{method: "GET", path: path, token: "cody"})
		tag := first.header.Get("ETag")
		if tag == "" {
			t.Fatalf("no tag in %v", first.header)
		}
		for header, want := range map[string]int{
			tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, "": 200,
		} {
			got := w.send(request{method: "GET", path: path, token: "cody", header: http.Header{"If-None-Match": {header}}})
			if got.status != want || got.header.Get("ETag") != tag || want == 304 && got.body != "" {
				t.Errorf("%s with %q: %d %s, want %d", path, header, got.status, got.body, want)
			}
		}
	}
	// The percent of what is under way moves without the cluster.
	tag := w.send(request{method: "GET", path: "/v1/clusters/busy", token: "cody"}).header.Get("ETag")
	if got := w.send(request{method: "GET", path: "/v1/clusters/busy", token: "cody", header: http.Header{"If-None-Match": {tag}}}); got.status != 200 {
		t.Errorf("%d", got.status)
	}
}

func TestChangeOfAnotherStateOfTheClusterIsRefused(t *testing.T) {
	t.Parallel()
	for _, change := range []request{
		{method: "PATCH", path: "/v1/clusters/demo", body: `{"kubernetes_worker_instances":2}`},
		{method: "PATCH", path: "/v1/clusters/demo", body: `{"deletion_lock":true}`},
		{method: "DELETE", path: "/v1/clusters/demo"},
		{method: "POST", path: "/v1/clusters/broken/retry"},
	} {
		w := newWorld(t).with("demo", cody).with("broken", cody, failed(pks.ActionUpdate))
		read := "/v1/clusters/demo"
		if change.method == "POST" {
			read = "/v1/clusters/broken"
		}
		tag := w.send(request{method: "GET", path: read, token: "cody"}).header.Get("ETag")
		change.token = "cody"
		change.header = http.Header{"If-Match": {`"stale"`}}
		var problem v1.ErrorResponse
		got := w.send(change)
		got.decode(t, &problem)
		if got.status != http.StatusPreconditionFailed || problem.Code != "precondition_failed" || w.changes != 0 {
			t.Errorf("%s %s: %d %s", change.method, change.path, got.status, got.body)
		}
		change.header = http.Header{"If-Match": {tag}}
		if got := w.send(change); got.status > 299 || w.changes != 1 {
			t.Errorf("%s %s: %d %s", change.method, change.path, got.status, got.body)
		} else if next := got.header.Get("ETag"); change.method != "DELETE" && (next == "" || next == tag) {
			t.Errorf("%s %s: tag %q after %q", change.method, change.path, next, tag)
		}
	}
}

func TestTagsDifferByPlansAndVersions(t *testing.T) {
	t.Parallel()
	tags := map[string]bool{}
	for _, w := range []*world{newWorld(t), newVersionedWorld(t, "1.35.0")} {
		tags[w.with("demo", cody).send(request{method: "GET", path: "/v1/clusters/demo", token: "cody"}).header.Get("ETag")] = true
	}
	if len(tags) != 2 {
		t.Errorf("%v", tags)
	}
}
