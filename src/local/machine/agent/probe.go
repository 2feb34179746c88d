package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	probeTimeout   = 2 * time.Second
	firstProbeWait = 50 * time.Millisecond
	lastProbeWait  = time.Second
)

func (p *Probe) check() error {
	if p == nil {
		return nil
	}
	set := 0
	for _, text := range []string{p.HTTPS, p.HTTP, p.TCP, p.Unix, p.File} {
		if text != "" {
			set++
		}
	}
	if set != 1 {
		return errors.New("a probe asks exactly one thing")
	}
	return nil
}

// serves asks once. A nil probe is always content.
func (p *Probe) serves(ctx context.Context) error {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	switch {
	case p.HTTPS != "":
		return get(ctx, p.HTTPS)
	case p.HTTP != "":
		return get(ctx, p.HTTP)
	case p.TCP != "":
		return connect(ctx, "tcp", p.TCP)
	case p.Unix != "":
		return connect(ctx, "unix", p.Unix)
	default:
		_, err := os.Stat(p.File)
		return err
	}
}

// wait asks until the answer is yes or ctx ends, and returns what stood in the way last.
func (p *Probe) wait(ctx context.Context) error {
	pause := firstProbeWait
	for {
		err := p.serves(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause = min(2*pause, lastProbeWait)
	}
}

func connect(ctx context.Context, network, address string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// get wants status 200. The certificate is not checked: the answer is a sign of life, nothing is
// sent or believed.
func get(ctx context.Context, url string) error {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}
