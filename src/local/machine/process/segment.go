package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/google/renameio/v2"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

// segment is what the machines of one deployment share.
type segment struct {
	deployment string
	dir        string
	number     byte       // of its load balancer's address
	address    netip.Addr // of its load balancer, on the host
	isolated   *isolation.Segment
	balancer   *balancer

	mu    sync.Mutex
	names map[string]netip.Addr // where users find the Kubernetes API
	spec  machine.Spec          // the newest, for the names of all machines
}

// balancersByte is the third byte of the load balancers' addresses. The cloud-config keeps machines
// out of it.
const balancersByte = 254

// segmentOf returns the segment of a deployment and makes it when there is none.
func (d *Driver) segmentOf(ctx context.Context, deployment string) (*segment, error) {
	d.making.Lock()
	defer d.making.Unlock()
	d.mu.Lock()
	s, closed := d.segments[deployment], d.closed
	d.mu.Unlock()
	switch {
	case closed:
		return nil, errors.New("the machines are being closed")
	case s != nil && !s.dead():
		return s, nil
	case s != nil: // its holder was killed; so are its machines
		if err := s.close(context.WithoutCancel(ctx)); err != nil {
			d.logger.Warn("what a dead segment has left is not removed", "deployment", deployment, "error", err)
		}
	}
	s, err := d.newSegment(ctx, deployment)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.segments[deployment] = s
	return s, nil
}

func (s *segment) dead() bool {
	select {
	case <-s.isolated.Done():
		return true
	default:
		return false
	}
}

func (d *Driver) newSegment(ctx context.Context, deployment string) (*segment, error) {
	sum := sha256.Sum256([]byte(deployment))
	s := &segment{
		deployment: deployment, dir: filepath.Join(d.options.Dir, "segments", hex.EncodeToString(sum[:6])),
		balancer: newBalancer(d.logger.With("deployment", deployment)), names: map[string]netip.Addr{},
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the deployment's machines: %w", err)
	}
	var err error
	if s.number, err = d.balancerNumber(s.dir); err != nil {
		return nil, err
	}
	prefix := d.options.Subnet.Addr().As4()
	s.address = netip.AddrFrom4([4]byte{prefix[0], prefix[1], balancersByte, s.number})
	if err := s.balancer.listen(ctx, netip.AddrPortFrom(s.address, apiPort)); err != nil {
		return nil, fmt.Errorf("load balancer of %s: %w", deployment, err)
	}
	s.isolated, err = isolation.StartSegment(ctx, isolation.SegmentOptions{
		Mode: d.options.Mode, Program: d.options.Program, Dir: s.dir, Stack: d.options.Stack, Deployment: deployment,
		Gateway: netip.PrefixFrom(insidePrefix.Addr().Next(), insidePrefix.Bits()), Logger: d.logger,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the network of %s: %w", deployment, err), s.balancer.close())
	}
	return s, nil
}

// balancerNumber reads the number that the deployment had before, or takes a free one. Segments are
// made one at a time.
func (d *Driver) balancerNumber(dir string) (byte, error) {
	const name = "balancer"
	taken := map[byte]bool{}
	others, err := filepath.Glob(filepath.Join(d.options.Dir, "segments", "*", name))
	if err != nil {
		return 0, fmt.Errorf("list the load balancers: %w", err)
	}
	for _, path := range others {
		n, err := readNumber(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if filepath.Dir(path) == dir {
			return n, nil
		}
		taken[n] = true
	}
	for n := byte(1); n < 255; n++ {
		if taken[n] {
			continue
		}
		if err := renameio.WriteFile(filepath.Join(dir, name), []byte(strconv.Itoa(int(n))+"\n"), 0o600); err != nil {
			return 0, fmt.Errorf("store the load balancer's number: %w", err)
		}
		return n, nil
	}
	return 0, errors.New("this stack has load balancers for 254 clusters and no more: delete a cluster")
}

func readNumber(path string) (byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read the load balancer's number: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%s is damaged: delete it", path)
	}
	return byte(n), nil
}

// offer makes the load balancer answer where users look for the cluster. What cannot be is a sentence
// for them.
func (s *segment) offer(ctx context.Context, spec machine.Spec) (warnings []string) {
	for _, name := range externalNames(spec) {
		s.mu.Lock()
		_, known := s.names[name]
		s.mu.Unlock()
		if known {
			continue
		}
		at, local := loopbackOf(ctx, name)
		if !local {
			at = s.address
		}
		if at != s.address {
			if err := s.balancer.listen(ctx, netip.AddrPortFrom(at, apiPort)); err != nil {
				warnings = append(warnings, fmt.Sprintf("The Kubernetes API cannot be offered at %s, only at %s: %v.", name, s.address, err))
				at = s.address
			}
		}
		s.mu.Lock()
		s.names[name] = at
		s.mu.Unlock()
	}
	return warnings
}

func (s *segment) close(ctx context.Context) error {
	return errors.Join(s.balancer.close(), s.isolated.Close(ctx))
}

// HostsFile is where a driver with its files in dir tells the addresses of all clusters, in the form of
// hosts(5).
func HostsFile(dir string) string { return filepath.Join(dir, "hosts") }

// publish writes the hosts file.
func (d *Driver) publish() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]netip.Addr{}
	for _, s := range d.segments {
		s.mu.Lock()
		for name, at := range s.names {
			if _, err := netip.ParseAddr(name); err != nil { // an address needs no name
				all[name] = at
			}
		}
		s.mu.Unlock()
	}
	return writeHosts(HostsFile(d.options.Dir), all)
}
