package cli

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/session"
)

// factory makes what commands need when they need it, so that help and mistakes
// in the command line touch neither disk nor network.
type factory struct {
	system  System
	name    string
	version string
	console *console.Console

	began   bool           // the command line was understood, the command runs
	command *cobra.Command // the one that runs, or was meant to
	args    []string       // of the one that runs

	client *apiclient.Client
}

func newFactory(system System) *factory {
	return &factory{
		system:  system,
		name:    cmp.Or(system.Name, "pks"),
		version: cmp.Or(system.Version, "dev"),
		console: console.New(system.In, system.Out, system.Err, system.Getenv),
	}
}

func (f *factory) begin(c *cobra.Command, args []string) error {
	f.began, f.command, f.args = true, c, args
	var given []string
	for _, name := range []string{"json", "output", "query"} {
		if c.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 1 {
		return usagef(c, "%s exclude each other.", enumerate(given))
	}
	return nil
}

func (f *factory) close() {
	if f.client != nil {
		f.client.Close()
	}
}

// userAgent tells the server's log which build is calling.
func (f *factory) userAgent() string {
	agent := "pks-cli/" + f.version
	if f.system.Commit != "" {
		agent += " (" + f.system.Commit + ")"
	}
	return agent
}

// now is the clock.
func (f *factory) now() time.Time { return time.Now() }

func (f *factory) store() (*session.Store, error) { return session.NewStore(f.system.Getenv) }

// api is the API that somebody is logged in to.
func (f *factory) api() (*apiclient.Client, error) {
	if f.client != nil {
		return f.client, nil
	}
	store, err := f.store()
	if err != nil {
		return nil, err
	}
	credentials, err := store.Load()
	if err != nil {
		return nil, err
	}
	if credentials.API == "" || !credentials.LoggedIn() {
		return nil, session.ErrNotLoggedIn
	}
	target, err := session.ParseTarget(credentials.API)
	if err != nil {
		return nil, &session.BrokenError{Path: store.Path(), Err: err}
	}
	f.client, err = apiclient.New(apiclient.Config{
		URL:       target.API,
		TLS:       credentials.TLS(),
		Tokens:    session.NewTokens(store, time.Now),
		Timeout:   credentials.RequestTimeout(),
		UserAgent: f.userAgent(),
	})
	if err != nil {
		return nil, &session.BrokenError{Path: store.Path(), Err: err}
	}
	return f.client, nil
}
