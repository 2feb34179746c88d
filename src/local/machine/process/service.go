package process

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

// enterService makes a started master reachable from the host and has its health watched, upon which
// users and machines are sent to it. Other machines serve nobody outside. The machine's lock is held.
func (v *vm) enterService(ctx context.Context) error {
	if !v.master() {
		return nil
	}
	address, err := v.address()
	if err != nil {
		return err
	}
	dial := v.dialer(address)
	v.box.mu.Lock()
	defer v.box.mu.Unlock()
	if v.box.health != nil {
		return nil
	}
	if v.box.forward == nil && v.driver.options.Mode != isolation.Kwok {
		forward := newBalancer(v.logger)
		forward.set(v.cid, dial, true)
		if err := forward.listen(ctx, netip.AddrPortFrom(address, apiPort)); err != nil {
			return fmt.Errorf("make %s/%s reachable from this host: %w", v.spec.Group, v.spec.ID, err)
		}
		v.box.forward = forward
	}
	ask, err := newHealthCheck(v.spec, dial)
	if err != nil {
		return fmt.Errorf("watch %s/%s: %w", v.spec.Group, v.spec.ID, err)
	}
	watch, stop := context.WithCancel(v.driver.ctx)
	v.box.health = stop
	segment := v.box.segment
	v.driver.group.Go(func() { v.watchHealth(watch, segment, dial, ask) })
	return nil
}

// leaveService sends nobody to the machine any more.
func (v *vm) leaveService() {
	v.box.mu.Lock()
	stop, segment := v.box.health, v.box.segment
	v.box.health = nil
	v.box.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	v.driver.route(segment, v, nil, false)
}

// dialer connects to the machine's Kubernetes API.
func (v *vm) dialer(address netip.Addr) dialer {
	if v.driver.options.Mode == isolation.Kwok {
		return func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", netip.AddrPortFrom(address, apiPort).String())
		}
	}
	target := net.JoinHostPort(v.driver.inside(address).String(), strconv.Itoa(apiPort))
	return func(ctx context.Context) (net.Conn, error) {
		client, _, err := v.agent()
		if err != nil {
			return nil, err
		}
		return client.Dial(ctx, target)
	}
}

// route takes a master into service or out of it: for users by the load balancer, for machines by names.
func (d *Driver) route(s *segment, v *vm, dial dialer, inService bool) {
	if dial == nil {
		s.balancer.outOfService(v.cid)
	} else {
		s.balancer.set(v.cid, dial, inService)
	}
	d.nameAll(s)
}

// share takes over the names that a machine's new specification brings and tells all machines of the
// deployment.
func (d *Driver) share(ctx context.Context, v *vm) (warnings []string, err error) {
	v.box.mu.Lock()
	s := v.box.segment
	v.box.mu.Unlock()
	warnings = s.offer(ctx, v.spec)
	s.mu.Lock()
	s.spec = v.spec
	s.mu.Unlock()
	if err := d.publish(); err != nil {
		return warnings, err
	}
	d.nameAll(s)
	return warnings, nil
}

// nameAll gives every machine of a segment the names of all, as BOSH DNS would answer them now.
func (d *Driver) nameAll(s *segment) {
	s.mu.Lock()
	spec := s.spec
	s.mu.Unlock()
	d.mu.Lock()
	var machines []*vm
	for _, v := range d.machines {
		machines = append(machines, v)
	}
	d.mu.Unlock()
	serving := s.balancer.serving()
	healthy := map[netip.Addr]bool{}
	var mine []*vm
	for _, v := range machines {
		v.box.mu.Lock()
		member, address, master := v.box.segment == s, v.box.address, v.box.master
		v.box.mu.Unlock()
		if !member {
			continue
		}
		mine = append(mine, v)
		healthy[address] = !master || serving[v.cid]
	}
	names := jobs.Hosts(spec, jobs.Environment{Inside: d.inside}, func(a netip.Addr) bool { return healthy[a] })
	ctx, cancel := context.WithTimeout(context.Background(), statePatience)
	defer cancel()
	var all sync.WaitGroup
	for _, v := range mine {
		client, _, err := v.agent()
		if err != nil {
			continue
		}
		all.Go(func() {
			if err := client.SetHosts(ctx, names); err != nil {
				v.logger.Debug("names not brought to a machine", "machine", v.cid, "error", err)
			}
		})
	}
	all.Wait()
}
