package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"

	"github.com/pks-community/pks-release/src/local/kubeapi"
)

// Simulated machines have addresses in a /16 of 127/8. The second byte is drawn
// at first start and kept: two stacks that run side by side must not share it,
// since masters really listen.
const (
	usualByte = 77
	firstByte = 64
	lastByte  = 254
)

func subnetOf(b int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(b), 0, 0}), 16)
}

// claimSubnet finds the stack's subnet, or draws one that is free. It holds the
// subnet for this stack by listening on its gateway, until the claim is closed.
func claimSubnet(ctx context.Context, l Layout) (netip.Prefix, net.Listener, error) {
	raw, err := os.ReadFile(l.Subnet())
	if err == nil {
		return claimKnownSubnet(ctx, l, strings.TrimSpace(string(raw)))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return netip.Prefix{}, nil, fmt.Errorf("read the subnet: %w", err)
	}
	for _, b := range candidates(l) {
		subnet := subnetOf(b)
		claim, err := claimGateway(ctx, subnet)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return netip.Prefix{}, nil, fmt.Errorf("listen in %s: %w: the embedded stack needs Linux, where all of 127.0.0.0/8 is this machine", subnet, err)
		}
		if err := renameio.WriteFile(l.Subnet(), []byte(subnet.String()+"\n"), 0o600); err != nil {
			return netip.Prefix{}, nil, errors.Join(fmt.Errorf("store the subnet: %w", err), claim.Close())
		}
		return subnet, claim, nil
	}
	return netip.Prefix{}, nil, errors.New("every subnet of 127.0.0.0/8 is used by another stack: end one with 'pks-local down'")
}

// candidates are the second bytes to try. Only the stack in the default folder
// begins with the usual one: others shall not take it while that stack is down.
func candidates(l Layout) []int {
	var all []int
	if dir, err := defaultDir(); err == nil && dir == l.Dir {
		all = append(all, usualByte)
	}
	for _, n := range rand.Perm(lastByte - firstByte + 1) {
		all = append(all, firstByte+n)
	}
	return all
}

func claimKnownSubnet(ctx context.Context, l Layout, text string) (netip.Prefix, net.Listener, error) {
	subnet, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, nil, fmt.Errorf("%s is damaged: begin anew with 'pks-local reset'", l.Subnet())
	}
	claim, err := claimGateway(ctx, subnet)
	if errors.Is(err, syscall.EADDRINUSE) {
		return netip.Prefix{}, nil, fmt.Errorf("another stack uses the addresses %s of this one: end it with 'pks-local down --data-dir ITS-FOLDER'", subnet)
	}
	if err != nil {
		return netip.Prefix{}, nil, fmt.Errorf("listen in %s: %w", subnet, err)
	}
	return subnet, claim, nil
}

// gateway is the first address of the subnet; no machine gets it.
func gateway(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }

func claimGateway(ctx context.Context, subnet netip.Prefix) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", netip.AddrPortFrom(gateway(subnet), kubeapi.Port).String())
}
