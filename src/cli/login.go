package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
	"github.com/pks-community/pks-release/src/pks"
)

type loginOptions struct {
	target       string
	sso          singleSignOn
	api          string
	username     string
	password     string
	clientName   string
	clientSecret string
	caCert       string
	skip         bool
	skipOld      bool
	timeout      int
}

func newLogin(f *factory) *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use:   "login",
		Short: "Log in to PKS",
		Long:  "Log in to the PKS API. Without --password the password is asked for.",
		Example: "  " + f.name + " login -a api.pks.example.com -u alana --ca-cert root.pem\n" +
			"  " + f.name + " login -a api.pks.example.com --sso-auto\n" +
			"  " + f.name + " login -a api.pks.example.com --client-name ci-bot --client-secret SECRET",
		Args: exactly(f),
		RunE: func(c *cobra.Command, _ []string) error { return f.login(c, o) },
	}
	flags := c.Flags()
	flags.StringVar(&o.target, "target", "", "Name under which this API can be used again with '"+f.name+" target'")
	flags.StringVarP(&o.api, "api", "a", "", "The PKS API server URI")
	flags.StringVarP(&o.username, "username", "u", "", "Username")
	flags.StringVarP(&o.password, "password", "p", "", "Password; better: "+envUserPassword+" in the environment, or the prompt")
	flags.StringVar(&o.clientName, "client-name", "", "Client name")
	flags.StringVar(&o.clientSecret, "client-secret", "", "Client secret")
	o.sso.flags(c)
	flags.StringVar(&o.caCert, "ca-cert", "", "Path to CA Cert for PKS API")
	flags.BoolVarP(&o.skip, "skip-ssl-validation", "k", false, "Skip SSL Validation")
	flags.BoolVar(&o.skipOld, "skip-ssl-verification", false, "Skip SSL Verification (DEPRECATED: use --skip-ssl-validation)")
	flags.IntVar(&o.timeout, "timeout", int(apiclient.DefaultTimeout/time.Second), "Timeout with pks-api endpoint in seconds")
	return c
}

func (f *factory) login(c *cobra.Command, o loginOptions) error {
	store, err := f.store()
	if err != nil {
		return err
	}
	login, err := f.loginFrom(c, store, o)
	if err != nil {
		return err
	}
	if o.sso.wanted() {
		err = f.signOn(c, o.sso, "", &login)
	} else {
		err = f.askForSecrets(c, &login)
	}
	if err != nil {
		return err
	}
	if err := store.Login(c.Context(), login); err != nil {
		return err
	}
	stored, err := store.Load()
	if err != nil {
		return err
	}
	name := stored.Username
	f.console.Printf("API Endpoint: %s\nUser: %s\nLogin successful.\n", console.Clean(login.Target.Given), console.Clean(name))
	return nil
}

// loginFrom reads the flags. What they leave out is as in the last login, but for
// the check of certificates: skipping it must be asked for each time.
func (f *factory) loginFrom(c *cobra.Command, store *session.Store, o loginOptions) (session.Login, error) {
	flags := c.Flags()
	switch {
	case flags.Changed("timeout") && (o.timeout < 1 || o.timeout > math.MaxInt32):
		return session.Login{}, usagef(c, "--timeout %d is not a number of seconds from 1 on.", o.timeout)
	case (o.skip || o.skipOld) && o.caCert != "":
		return session.Login{}, usagef(c, "--ca-cert and -k exclude each other.")
	case o.clientName == "" && flags.Changed("client-secret"):
		return session.Login{}, usagef(c, "--client-secret needs --client-name.")
	case o.sso.wanted() && (o.clientName != "" || o.username != "" || o.password != ""):
		return session.Login{}, usagef(c, "Single sign-on and other ways to log in exclude each other.")
	case o.clientName != "" && (o.username != "" || o.password != ""):
		return session.Login{}, usagef(c, "--client-name and --username exclude each other.")
	}
	if err := o.sso.check(c); err != nil {
		return session.Login{}, err
	}
	if o.target != "" && session.CheckTarget(o.target) != nil {
		return session.Login{}, usagef(c, "--target %q: %v.", o.target, session.CheckTarget(o.target))
	}
	last, err := store.Load()
	if err != nil {
		last = session.Credentials{} // the login writes the file anew
	}
	if o.api == "" {
		o.api = last.API
	}
	if strings.TrimSpace(o.api) == "" {
		return session.Login{}, usagef(c, "--api is missing: the address of the PKS API.")
	}
	target, err := session.ParseTarget(o.api)
	if err != nil {
		return session.Login{}, usagef(c, "%v.", err)
	}
	login := session.Login{
		Target:       target,
		Name:         o.target,
		TLS:          apiclient.TLS{SkipVerify: o.skip || o.skipOld},
		UserAgent:    f.userAgent(),
		Username:     o.username,
		Password:     pks.Secret(o.password),
		ClientName:   o.clientName,
		ClientSecret: pks.Secret(o.clientSecret),
	}
	if flags.Changed("timeout") {
		login.Timeout = time.Duration(o.timeout) * time.Second
	}
	switch {
	case o.caCert != "":
		if login.TLS.CA, err = readCA(o.caCert); err != nil {
			return session.Login{}, err
		}
	case target.API == last.API && !login.TLS.SkipVerify:
		login.TLS.CA = []byte(last.CACert)
	}
	return login, nil
}

func readCA(path string) ([]byte, error) {
	content, err := privatefile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read the CA certificate: %w", err)
	}
	if _, err = (apiclient.TLS{CA: content}).Config(); err == nil && len(content) == 0 {
		err = apiclient.ErrBadCA // which would stand for the system's authorities
	}
	if err != nil {
		return nil, fmt.Errorf("read the CA certificate %s: %w", path, err)
	}
	return content, nil
}

// Environment variables that keep secrets out of the list of processes. The user's
// are those that get-credentials has always read (reference/pks-cli.md §3.2).
const (
	envUserPassword     = "PKS_USER_PASSWORD"
	envUserPasswordTKGI = "TKGI_USER_PASSWORD"
	envClientSecret     = "PKS_CLIENT_SECRET"
)

// askForSecrets asks for what flags and environment leave out, when there is
// somebody to ask.
func (f *factory) askForSecrets(c *cobra.Command, login *session.Login) error {
	ctx, flags := c.Context(), c.Flags()
	var err error
	if login.ClientName != "" {
		if flags.Changed("client-secret") {
			return nil
		}
		if secret := f.system.Getenv(envClientSecret); secret != "" {
			login.ClientSecret = pks.Secret(secret)
			return nil
		}
		if !f.console.Interactive() {
			return usagef(c, "--client-secret is missing (or %s in the environment), and there is no terminal to ask on.", envClientSecret)
		}
		login.ClientSecret, err = f.console.Password(ctx, "Client secret: ")
		return err
	}
	if login.Username == "" {
		if !f.console.Interactive() {
			return usagef(c, "--username is missing, and there is no terminal to ask on.")
		}
		name, err := f.console.Line(ctx, "Username: ")
		if err != nil {
			return err
		}
		if login.Username = strings.TrimSpace(name); login.Username == "" {
			return usagef(c, "The user name is empty.")
		}
	}
	if flags.Changed("password") {
		return nil
	}
	if login.Password = f.passwordOfEnvironment(); login.Password != "" {
		return nil
	}
	if !f.console.Interactive() {
		return usagef(c, "--password (-p) is missing (or %s in the environment), and there is no terminal to ask on.", envUserPassword)
	}
	login.Password, err = f.console.Password(ctx, "Password: ")
	return err
}
