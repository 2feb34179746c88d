package broker

import (
	"testing"

	"github.com/pks-community/pks-release/src/director"
)

func TestMachinesTellHowTheirAgentsAre(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.director.mu.Lock()
	h.director.rows = `[{"id":"w1","expects_vm":true},{"id":"w0","expects_vm":true},{"id":"m0","expects_vm":true},{"id":"e0","expects_vm":false}]`
	h.director.stats = `{"vm_cid":null,"ips":[],"job_name":"worker","index":1,"job_state":null,"state":"started","vitals":null,"processes":[],"az":"z2","id":"w1","bootstrap":false,"ignore":true}
{"vm_cid":"2","ips":["10.0.0.3"],"job_name":"worker","index":0,"job_state":"failing","state":"started","vitals":{"disk":{"system":{"inode_percent":"7","percent":"38"},"ephemeral":{"inode_percent":"99","percent":"18"}}},"processes":[{"name":"kubelet","state":"failing"}],"az":"z1","id":"w0","bootstrap":true,"ignore":false}
{"vm_cid":"1","ips":["10.0.0.2"],"job_name":"master","index":0,"job_state":"unresponsive agent","state":"started","vitals":null,"processes":[],"az":null,"id":"m0","bootstrap":true,"ignore":false}
{"vm_cid":null,"ips":[],"job_name":"apply-addons","index":0,"job_state":null,"state":"started","vitals":null,"processes":[],"az":"z1","id":"e0","bootstrap":true,"ignore":false}
`
	h.director.mu.Unlock()
	h.want(h.send("GET", "/mgmt/service_instances/i1/machines", ""), 200, `{"deployment":"service-instance_i1","machines":[`+
		`{"group":"master","id":"m0","index":0,"az":"","ips":["10.0.0.2"],"state":"unresponsive agent","desired":"started","bootstrap":true,"ignored":false,"disks":[],"processes":[]},`+
		`{"group":"worker","id":"w0","index":0,"az":"z1","ips":["10.0.0.3"],"state":"failing","desired":"started","bootstrap":true,"ignored":false,`+
		`"disks":[{"name":"system","percent":38},{"name":"ephemeral","percent":99}],"processes":[{"name":"kubelet","state":"failing"}]},`+
		`{"group":"worker","id":"w1","index":1,"az":"z2","ips":[],"state":"missing","desired":"started","bootstrap":false,"ignored":true,"disks":[],"processes":[]}]}`)
}

func TestMachinesThatCannotBeTold(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.want(h.send("GET", "/mgmt/service_instances/i1/machines", ""), 410, `{}`)
	h.created("i1", `{}`)
	h.director.mu.Lock()
	h.director.rows, h.director.statsEnd = `[]`, director.Errored
	h.director.mu.Unlock()
	if got := h.send("GET", "/mgmt/service_instances/i1/machines", ""); got.Status != 500 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}
