// Hello is a small web server for demonstrations and tests of a cluster, and, by sub-command, the tools that one
// misses in a container without a shell.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const version = "1.0.0"

const usage = `usage: hello [serve]        serve HTTP on :8080 (or $PORT)
       hello get URL        print the body of URL; fails when the answer is not 2xx
       hello resolve NAME   print the addresses of NAME
       hello env [NAME]     print the environment, or one variable
       hello read FILE      print a file
       hello write FILE TEXT   write a line to a file
       hello sleep          do nothing until told to end
       hello version        print the version

environment of serve: POD_NAME, NODE_NAME, VERSION are shown; SHUTDOWN_DELAY (as 5s) is how long it keeps
serving after SIGTERM, so that load balancers have time to notice.
`

// callTimeout bounds what get and resolve wait for.
const callTimeout = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	verb := "serve"
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	var err error
	switch {
	case verb == "serve" && len(args) == 0:
		err = serve(ctx, getenv, stdout)
	case verb == "get" && len(args) == 1:
		err = get(ctx, args[0], stdout)
	case verb == "resolve" && len(args) == 1:
		err = resolve(ctx, args[0], stdout)
	case verb == "env" && len(args) == 0:
		_, err = fmt.Fprintln(stdout, strings.Join(os.Environ(), "\n"))
	case verb == "env" && len(args) == 1:
		_, err = fmt.Fprintln(stdout, getenv(args[0]))
	case verb == "read" && len(args) == 1:
		err = read(args[0], stdout)
	case verb == "write" && len(args) == 2:
		err = os.WriteFile(args[0], []byte(args[1]+"\n"), 0o644)
	case verb == "sleep" && len(args) == 0:
		<-ctx.Done()
	case verb == "version" && len(args) == 0:
		_, err = fmt.Fprintln(stdout, "hello", version)
	default:
		fmt.Fprint(stderr, usage)
		return 2
	}
	if err != nil {
		fmt.Fprintln(stderr, "hello:", err)
		return 1
	}
	return 0
}

func get(ctx context.Context, url string, stdout io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// A connection of its own, so that each call may meet another pod.
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if _, err := io.Copy(stdout, response.Body); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}

func resolve(ctx context.Context, name string, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, strings.Join(addresses, "\n"))
	return err
}

func read(file string, stdout io.Writer) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, err = stdout.Write(data)
	return err
}
