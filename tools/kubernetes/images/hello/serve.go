package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// stopTimeout is how long requests that are being answered may take once the server closes.
const stopTimeout = 10 * time.Second

// serve answers on $PORT until ctx ends, goes on for $SHUTDOWN_DELAY, and then finishes what it has begun.
func serve(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	delay, err := time.ParseDuration(cmp.Or(getenv("SHUTDOWN_DELAY"), "0s"))
	if err != nil {
		return fmt.Errorf("SHUTDOWN_DELAY: %w", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("", cmp.Or(getenv("PORT"), "8080")))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(ctx, getenv), ReadHeaderTimeout: stopTimeout}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "hello %s listens on %s\n", version, listener.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintf(stdout, "told to end: serving for another %s\n", delay)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case err := <-served:
		return err
	case <-timer.C:
	}
	stopping, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err = server.Shutdown(stopping)
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// handler answers / with who answered, /healthz with 200 as long as it serves, and /readyz with 200 until the
// server is told to end.
func handler(ctx context.Context, getenv func(string) string) http.Handler {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "unknown"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "Hello from pod %s on node %s, version %s\n",
			cmp.Or(getenv("POD_NAME"), hostname), cmp.Or(getenv("NODE_NAME"), "unknown"), cmp.Or(getenv("VERSION"), version))
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if ctx.Err() != nil {
			http.Error(w, "told to end", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return finishing(ctx, mux)
}

// finishing asks clients to connect anew once the server is told to end. Closing idle connections instead would
// meet some client in the moment in which it sends a request.
func finishing(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
