package broker

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

const (
	firstHostWait = 16 * time.Millisecond
	hostRetries   = 10
)

// awaitHost waits until the host of an address resolves, for a quarter of a minute
// at most: BOSH DNS may learn of a host after this program has started.
func awaitHost(ctx context.Context, address string, lookup func(ctx context.Context, host string) ([]string, error)) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" {
		return fmt.Errorf("address %q is not of the form https://HOST:PORT", address)
	}
	pause := firstHostWait
	for retry := 0; ; retry++ {
		_, err := lookup(ctx, parsed.Hostname())
		if err == nil || retry == hostRetries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
}
