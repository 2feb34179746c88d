package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/api/config"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
	"github.com/pks-community/pks-release/src/uaa"
)

const (
	// drainTimeout is how long requests and job steps under way may take to end
	// after SIGTERM. BOSH kills what is left some time later.
	drainTimeout = 20 * time.Second
	// beyondBroker is what a request may take on top of its call to the broker.
	beyondBroker = 30 * time.Second
	// leastRequest leaves room for the longest wait for events.
	leastRequest = 90 * time.Second

	maxHeaderBytes = 64 << 10 // four times the largest token
)

// serve runs everything until ctx ends, then stops it in order: no new request,
// then the engine, then the database.
func serve(ctx context.Context, build Build, settings config.Config, m materials, logger *slog.Logger, stdout io.Writer) (err error) {
	database, err := store.Open(ctx, store.Config{
		Driver: store.Dialect(settings.Database.Driver),
		Path:   settings.Database.Path,
		DSN:    m.dsn,
		Logger: logger,
	})
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, database.Close()) }()

	verifier, err := uaa.NewVerifier(uaa.VerifierConfig{
		Connection:   uaa.Connection{URL: settings.UAA.URL, CA: m.uaaCA},
		Issuer:       settings.UAA.Issuer,
		Audiences:    settings.UAA.Audiences,
		ClientID:     settings.UAA.ClientID,
		ClientSecret: settings.UAA.ClientSecret,
	})
	if err != nil {
		return fmt.Errorf("prepare the check of tokens: %w", err)
	}
	defer func() { err = errors.Join(err, verifier.Close()) }()

	broker, err := osb.New(osb.Config{
		URL:       settings.Broker.URL,
		CA:        m.brokerCA,
		Username:  settings.Broker.Username,
		Password:  settings.Broker.Password,
		ServiceID: settings.Broker.ServiceID,
		Timeout:   settings.Broker.Timeout,
	})
	if err != nil {
		return fmt.Errorf("prepare the broker's client: %w", err)
	}
	defer broker.Close()

	measured := newMeasurements(build, database)
	engine, err := lifecycle.New(lifecycle.Config{
		Settled:      measured.settled,
		Store:        database,
		Broker:       broker,
		Target:       pks.Versions{Kubernetes: settings.KubernetesVersion, Product: build.Version},
		Plans:        settings.Plans,
		PollInterval: settings.PollInterval,
		CallTimeout:  settings.Broker.Timeout,
		Logger:       logger,
	})
	if err != nil {
		return fmt.Errorf("prepare the engine: %w", err)
	}
	requestTimeout := max(settings.Broker.Timeout+beyondBroker, leastRequest)
	handler := api.New(api.Config{
		Engine:            engine,
		Clusters:          database,
		Rollouts:          engine,
		Verifier:          verifier,
		Plans:             settings.Plans,
		KubernetesVersion: settings.KubernetesVersion,
		Build:             build,
		InstancesLogin:    pks.BasicCredentials(settings.ServiceInstances),
		UAAURL:            settings.UAA.URL,
		Locked:            func() bool { return exists(settings.LockFile) },
		RequestTimeout:    requestTimeout,
		Logger:            logger,
		Metrics:           measured.registry,
	})

	// A port that is taken is found out before the engine touches anything.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", settings.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	scrapes, err := measured.listen(ctx, settings.Metrics.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for metrics: %w", err), listener.Close())
	}
	// The engine ends by Stop, which lets steps finish, not with ctx.
	if err := engine.Start(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(fmt.Errorf("start the engine: %w", err), listener.Close(), closeAny(scrapes))
	}
	_, _ = fmt.Fprintf(stdout, "pks-api %s is ready at https://%s\n", build.Version, listener.Addr())
	logger.Info("ready", "address", listener.Addr().String(), "version", build.Version, "commit", build.Commit)

	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return measured.serve(groupCtx, scrapes, logger) })
	group.Go(func() error { return serveHTTP(groupCtx, listener, handler, m.certificate, requestTimeout, logger) })
	group.Go(func() error {
		if err := verifier.Ready(groupCtx); err != nil && groupCtx.Err() == nil {
			logger.Warn("signing keys not fetched yet", "error", err)
		}
		return nil
	})
	group.Go(func() error {
		if err := handler.WarmUp(groupCtx); err != nil && groupCtx.Err() == nil {
			logger.Warn("clusters not read ahead", "error", err)
		}
		return nil
	})
	err = group.Wait()

	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if stopErr := engine.Stop(stopCtx); stopErr != nil {
		err = errors.Join(err, fmt.Errorf("stop the engine: %w", stopErr))
	}
	logger.Info("stopped")
	return err
}

// exists is false for what cannot be looked at: a lock that is only perhaps there
// locks nobody out.
func exists(path string) bool {
	if path == "" {
		return false
	}
	_, err := os.Stat(path)
	return err == nil
}

// serveHTTP answers requests until ctx ends, then lets those under way finish.
func serveHTTP(ctx context.Context, listener net.Listener, handler *api.Server, certificate tls.Certificate, requestTimeout time.Duration, logger *slog.Logger) error {
	server := &http.Server{
		Handler: handler.Handler(),
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{certificate},
		},
		ReadHeaderTimeout: 10 * time.Second,
		// Shorter ones would cut off answers that are waited for: net/http ends a
		// request's context when its read deadline passes.
		ReadTimeout:    requestTimeout + 10*time.Second,
		WriteTimeout:   requestTimeout + 10*time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(handler.Drain)

	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	logger.Info("draining")
	drainCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(drainCtx)
	if err != nil {
		err = errors.Join(fmt.Errorf("drain requests: %w", err), server.Close())
	}
	<-served
	return err
}
