package api_test

import (
	"context"
	"maps"
	"time"

	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

func (w *world) RotateCertificates(_ context.Context, r lifecycle.RotateRequest) (pks.Cluster, error) {
	c, err := w.change(r.ClusterID, pks.ActionUpdate, changeAsked{precondition: r.Precondition}, func(s pks.ClusterSpec) (pks.ClusterSpec, error) {
		s.Certificates = s.Certificates.Rotate()
		return s, nil
	})
	if err != nil {
		return c, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return c, w.keep(r.Keyed, c)
}

func (w *world) Certificates(_ context.Context, c pks.Cluster) ([]osb.Certificate, error) {
	day := 24 * time.Hour
	in := func(d time.Duration) time.Time { return time.Now().Add(d + time.Hour).UTC().Truncate(time.Second) }
	return []osb.Certificate{
		{Name: "/d/" + c.Name + "/kubo_ca", Authority: true, NotAfter: in(1000 * day)},
		{Name: "/d/" + c.Name + "/tls-kubernetes", NotAfter: in(20 * day)},
		{Name: "/d/" + c.Name + "/tls-etcd", NotAfter: in(-2 * day)},
	}, w.previewErr
}

// inVain is for a route that finds nothing to do, whoever asks.
func inVain(verdicts map[string]string) map[string]string {
	verdicts = maps.Clone(verdicts)
	for token, verdict := range verdicts {
		if verdict == "ok" {
			verdicts[token] = "400"
		}
	}
	return verdicts
}
