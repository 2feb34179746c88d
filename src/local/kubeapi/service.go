package kubeapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
)

// Port is where API servers listen (reference/cluster-manifest.md §8).
const Port = 8443

// Options are what a Service is made from.
type Options struct {
	// Dir holds one file per deployment. It is made if it is not there.
	Dir string
	// KubernetesVersion is what /version and nodes say, such as 1.34.2.
	KubernetesVersion string
	Logger            *slog.Logger
	// Listen opens the port of an instance; nil for TCP.
	Listen func(ctx context.Context, address netip.AddrPort) (net.Listener, error)
	// Now is the time; nil for the clock.
	Now func() time.Time
}

// Service runs the API servers of all simulated masters. It is a
// machine.Service.
type Service struct {
	options Options

	mu       sync.Mutex
	clusters map[string]*cluster // by deployment
	servers  map[instance]*server
}

var _ machine.Service = (*Service)(nil)

type instance struct{ deployment, id string }

// server is the API server of one master.
type server struct {
	http *http.Server
	done chan struct{}
}

// New makes a Service that runs nothing yet.
func New(o Options) (*Service, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of Kubernetes objects: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Listen == nil {
		o.Listen = func(ctx context.Context, address netip.AddrPort) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(ctx, "tcp", address.String())
		}
	}
	return &Service{options: o, clusters: map[string]*cluster{}, servers: map[instance]*server{}}, nil
}

// Start runs the API server of a master with job kube-apiserver on its first
// address, or, for an instance with job kubelet, makes it a node of its cluster.
// Started again, an instance takes over the new specification.
func (s *Service) Start(ctx context.Context, spec machine.Spec) error {
	if len(spec.IPs) == 0 {
		return fmt.Errorf("start %s/%s: it has no address", spec.Group, spec.ID)
	}
	if _, worker := spec.Job(machine.KubeletJob); worker {
		c, err := s.cluster(spec.Deployment)
		if err != nil {
			return err
		}
		return c.addNode(spec)
	}
	if err := s.Stop(ctx, spec.Deployment, spec.ID); err != nil {
		return err
	}
	id, err := readIdentity(spec)
	if err != nil {
		return fmt.Errorf("start the API server of %s/%s: %w", spec.Group, spec.ID, err)
	}
	c, err := s.cluster(spec.Deployment)
	if err != nil {
		return err
	}
	c.setIdentity(id)
	address := netip.AddrPortFrom(spec.IPs[0], Port)
	listener, err := s.options.Listen(ctx, address)
	if err != nil {
		return fmt.Errorf("start the API server of %s/%s: %w", spec.Group, spec.ID, err)
	}
	s.serve(c, instance{spec.Deployment, spec.ID}, tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{id.certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}))
	s.options.Logger.Info("kubernetes api started", "deployment", spec.Deployment, "instance", spec.Group+"/"+spec.ID, "address", address.String())
	return nil
}

func (s *Service) serve(c *cluster, id instance, l net.Listener) {
	srv := &server{done: make(chan struct{}), http: &http.Server{
		Handler:           c,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug),
	}}
	s.mu.Lock()
	s.servers[id] = srv
	s.mu.Unlock()
	go func() {
		defer close(srv.done)
		if err := srv.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.options.Logger.Error("kubernetes api ended", "deployment", id.deployment, "error", err)
		}
	}()
}

// Stop ends the API server of an instance, or takes its node away. What the
// cluster stores stays.
func (s *Service) Stop(_ context.Context, deployment, id string) error {
	s.mu.Lock()
	srv := s.servers[instance{deployment, id}]
	delete(s.servers, instance{deployment, id})
	c := s.clusters[deployment]
	s.mu.Unlock()
	if srv == nil {
		if c != nil {
			return c.removeNode(id)
		}
		return nil
	}
	err := srv.http.Close()
	<-srv.done
	if err != nil {
		return fmt.Errorf("stop the API server of %s: %w", id, err)
	}
	return nil
}

// DeleteDeployment removes everything stored for a deployment.
func (s *Service) DeleteDeployment(name string) error {
	for _, id := range s.running(name) {
		if err := s.Stop(context.Background(), name, id); err != nil {
			return err
		}
	}
	s.mu.Lock()
	delete(s.clusters, name)
	s.mu.Unlock()
	if err := os.Remove(s.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the Kubernetes objects of %s: %w", name, err)
	}
	return nil
}

// Close stops every API server.
func (s *Service) Close() error {
	s.mu.Lock()
	var all []instance
	for id := range s.servers {
		all = append(all, id)
	}
	s.mu.Unlock()
	var errs []error
	for _, id := range all {
		errs = append(errs, s.Stop(context.Background(), id.deployment, id.id))
	}
	return errors.Join(errs...)
}

func (s *Service) running(deployment string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id := range s.servers {
		if id.deployment == deployment {
			ids = append(ids, id.id)
		}
	}
	return ids
}

func (s *Service) cluster(deployment string) (*cluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clusters[deployment]; c != nil {
		return c, nil
	}
	c, err := openCluster(s.file(deployment), s.options)
	if err != nil {
		return nil, err
	}
	s.clusters[deployment] = c
	return c, nil
}

// file names are escaped, so that no deployment name leaves the folder.
func (s *Service) file(deployment string) string {
	return filepath.Join(s.options.Dir, url.PathEscape(deployment)+".json")
}
