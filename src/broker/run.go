package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/broker/oauthclient"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2

	// banner is what broker.startup_banner asks for.
	banner = "\n  ·· pks-broker · clusters on demand ··\n\n"

	startupTimeout = 2 * time.Minute
	headerTimeout  = 10 * time.Second
	readTimeout    = time.Minute
	idleTimeout    = 2 * time.Minute
)

// Run is the program pks-broker: it serves until ctx ends and gives the exit
// code. version is what -version prints.
func Run(ctx context.Context, args []string, version string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("pks-broker", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("configFilePath", "", "path of the configuration `file`")
	check := flags.Bool("check-config", false, "check the configuration file and exit")
	health := flags.Bool("healthcheck", false, "ask the broker that runs with this configuration whether it answers, and exit")
	wait := flags.Duration("wait", 0, "with -healthcheck: how `long` it may take to answer")
	showVersion := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil {
		return exitUsage
	}
	if *showVersion {
		fmt.Fprintln(stdout, "pks-broker "+version)
		return exitOK
	}
	if *health {
		if err := checkHealth(ctx, *path, *wait); err != nil {
			fmt.Fprintf(stderr, "pks-broker: %v\n", err)
			return exitFailed
		}
		return exitOK
	}
	logger := slog.New(slog.NewJSONHandler(stdout, nil))
	if err := start(ctx, logger, stdout, *path, *check); err != nil {
		// One line that operators and their scripts look for, on standard output as
		// ever (§0).
		fmt.Fprintf(stdout, "[on-demand-service-broker] %s\n", err)
		return exitFailed
	}
	return exitOK
}

func start(ctx context.Context, logger *slog.Logger, stdout io.Writer, path string, checkOnly bool) error {
	if path == "" {
		return errors.New("must supply -configFilePath")
	}
	c, warnings, err := config.Load(path)
	if err != nil {
		return fmt.Errorf("error parsing config: %w", err)
	}
	for _, w := range warnings {
		logger.WarnContext(ctx, "configuration has a key that is not used", "key", w)
	}
	if checkOnly {
		return nil
	}
	if c.Broker.StartupBanner {
		fmt.Fprint(stdout, banner)
	}
	logger.InfoContext(ctx, "Starting broker", "service", c.ServiceCatalog.ServiceName, "plans", len(c.ServiceCatalog.Plans))

	metrics := NewMetrics()
	parts, err := assemble(c, logger, metrics)
	if err != nil {
		return fmt.Errorf("error creating bosh client: %w", err)
	}
	defer parts.Director.Close()
	b, err := New(parts)
	if err != nil {
		return fmt.Errorf("error starting broker: %w", err)
	}
	metrics.Watch(b)
	if err := b.checkStartup(ctx); err != nil {
		return err
	}
	if c.Broker.EnableTelemetry {
		b.telemetry(ctx, "broker", "startup")
	} else {
		logger.InfoContext(ctx, "Telemetry logging is disabled.")
	}
	return b.serve(ctx, metrics.Requests(b.Handler(metrics.Handler())))
}

func assemble(c config.Config, logger *slog.Logger, m *Metrics) (Parts, error) {
	auth := c.BOSH.Authentication
	d, err := director.New(director.Config{
		URL: c.BOSH.URL, CACert: c.BOSH.RootCACert,
		Username: auth.Basic.Username, Password: auth.Basic.Password,
		ClientID: auth.UAA.ClientCredentials.ClientID, ClientSecret: auth.UAA.ClientCredentials.ClientSecret,
		MaxInFlight: c.BOSH.MaxInFlight, Timeout: time.Duration(c.BOSH.RequestTimeoutSeconds) * time.Second,
		Observe: m.Director,
	})
	if err != nil {
		return Parts{}, err
	}
	parts := Parts{
		Config: c, Director: d, Logger: logger,
		Adapter: runner.New(runner.Config{
			Path: c.ServiceAdapter.Path, Stdin: c.Broker.UseStdin, Timeout: c.ServiceAdapter.Timeout(),
			MaxInFlight: c.ServiceAdapter.MaxInFlight, Logger: logger, Observe: m.Adapter,
		}),
	}
	if c.Broker.EnableSecureManifests {
		client := c.BOSHCredHub.Authentication.UAA.ClientCredentials
		secrets, err := credhub.New(credhub.Config{
			URL: c.BOSHCredHub.URL, CACert: c.BOSHCredHub.RootCACert,
			ClientID: client.ClientID, ClientSecret: client.ClientSecret,
		})
		if err != nil {
			return Parts{}, err
		}
		parts.Secrets = secrets
	}
	if c.CredHub.Set() {
		bindings, err := credhub.New(credhub.Config{
			URL: c.CredHub.APIURL, CACert: c.CredHub.Roots(), ClientID: c.CredHub.ClientID, ClientSecret: c.CredHub.ClientSecret,
		})
		if err != nil {
			return Parts{}, err
		}
		parts.Bindings = bindings
	}
	if c.CF.UAA.Set() {
		if parts.Clients, err = oauthclient.New(c.CF); err != nil {
			return Parts{}, err
		}
	}
	return parts, nil
}

// serve answers requests until ctx ends, then lets those under way end.
func (b *Broker) serve(ctx context.Context, handler http.Handler) error {
	tlsConfig, err := serverTLS(b.config.Broker.TLS, time.Now())
	if err != nil {
		return err
	}
	address := net.JoinHostPort(b.config.Broker.BindAddress, strconv.Itoa(b.config.Broker.Port))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("error starting broker HTTP(s) server: %w", err)
	}
	if tlsConfig != nil {
		listener = tls.NewListener(listener, tlsConfig)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(b.logger.Handler(), slog.LevelWarn),
	}
	b.logger.InfoContext(ctx, "Listening on "+address)

	// The view goes on while the last requests are served.
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWatching()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("error starting broker HTTP(s) server: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		b.Watch(watching)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		defer stopWatching()
		return b.shutDown(ctx, server)
	})
	return group.Wait()
}

func (b *Broker) shutDown(ctx context.Context, server *http.Server) error {
	timeout := b.config.Broker.ShutdownTimeout()
	b.logger.InfoContext(ctx, fmt.Sprintf("Broker shutting down on signal (timeout %d secs)...", int(timeout.Seconds())))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close() // what is left has had its time
		return fmt.Errorf("Error gracefully shutting down server: %w", err)
	}
	b.logger.InfoContext(ctx, "Server gracefully shut down")
	return nil
}
