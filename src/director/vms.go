package director

import (
	"context"
	"errors"
	"net/netip"

	"github.com/pks-community/pks-release/src/director/session"
)

// VM is one VM as the Director's database has it (§11). Asking costs no task and
// no word with the agents.
type VM struct {
	Group  string   `json:"job"`
	ID     string   `json:"id"`
	Index  int      `json:"index"`
	AZ     string   `json:"az"`
	IPs    []string `json:"ips"`
	CID    string   `json:"cid"`
	Active *bool    `json:"active"`
}

// VMs lists the active VMs of a deployment, in no order. ErrNotFound when there is
// no such deployment.
func (c *Client) VMs(ctx context.Context, deployment string) ([]VM, error) {
	var all []VM
	err := c.readJSON(ctx, session.Request{Kind: "vms", Path: deploymentPath(deployment, "vms")}, &all)
	if err != nil {
		return nil, err
	}
	active := all[:0]
	for _, vm := range all {
		if vm.Group == "" {
			return nil, &Error{Op: "vms", reason: ErrUnavailable, err: errors.New("the answer has a VM without an instance group")}
		}
		if vm.Active == nil || *vm.Active {
			active = append(active, vm)
		}
	}
	return active, nil
}

// Addresses are the VM's IPs that can be read as such.
func (v VM) Addresses() []netip.Addr {
	var addrs []netip.Addr
	for _, ip := range v.IPs {
		if a, err := netip.ParseAddr(ip); err == nil {
			addrs = append(addrs, a)
		}
	}
	return addrs
}
