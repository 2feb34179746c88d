package director

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The lines are those of reference/director-api.md §11.
func TestInstancesAreWhatTheAgentsSay(t *testing.T) {
	t.Parallel()
	state := "done"
	s, c := newScripted(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		switch r.URL.RequestURI() {
		case "/deployments/d1/instances":
			fmt.Fprint(w, `[{"agent_id":null,"cid":null,"job":"smoke","id":"e0","expects_vm":false},{"cid":null,"job":"worker","id":"w0","expects_vm":true}]`)
		case "/deployments/d1/instances?format=full":
			redirect(w, "/tasks/7")
		case "/tasks/7":
			fmt.Fprintf(w, `{"id":7,"state":%q,"result":"Timed out"}`, state)
		case "/tasks/7/output?type=result":
			fmt.Fprintln(w, `{"vm_cid":"1","ips":["10.0.1.10"],"job_name":"master","index":0,"job_state":"running","state":"started",`+
				`"vitals":{"disk":{"system":{"inode_percent":"7","percent":"18"}},"uptime":{"secs":1}},"processes":[{"name":"web","state":"running","mem":{"kb":1}}],"az":"z1","id":"m0","bootstrap":true,"ignore":false}`)
			fmt.Fprintln(w, `{"vm_cid":null,"ips":[],"job_name":"worker","index":0,"job_state":null,"state":"started","vitals":null,"processes":[],"az":null,"id":"w0","bootstrap":false,"ignore":true}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"code":70000,"description":"Deployment 'd2' doesn't exist"}`)
		}
	})
	got, err := c.Instances(t.Context(), "d1")
	want := []Instance{
		{Group: "master", ID: "m0", AZ: "z1", VMCID: "1", State: "started", JobState: "running", IPs: []string{"10.0.1.10"}, Bootstrap: true,
			Vitals: &Vitals{Disk: map[string]DiskUse{"system": {Percent: "18", InodePercent: "7"}}}, Processes: []Process{{Name: "web", State: "running"}}},
		{Group: "worker", ID: "w0", State: "started", IPs: []string{}, Ignored: true, Processes: []Process{}, ExpectsVM: true},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if n := len(s.requests()); n != 4 {
		t.Errorf("%d requests: %v", n, s.requests())
	}
	if _, err := c.Instances(t.Context(), "d2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such deployment: %v", err)
	}
	state = "error"
	if _, err := c.Instances(t.Context(), "d1"); err == nil || !strings.Contains(err.Error(), "task 7, which asks the agents, ended error: Timed out") {
		t.Errorf("a task that failed: %v", err)
	}
}
