package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/cli/browser"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// singleSignOn is what flags say about a login by way of UAA's pages
// (reference/pks-cli.md §5.1).
type singleSignOn struct {
	prompt, auto bool
	passcode     string
	given        func() bool // the passcode, even if empty
}

func (s *singleSignOn) flags(c *cobra.Command) {
	flags := c.Flags()
	flags.BoolVar(&s.prompt, "sso", false, "Prompt for a one-time passcode to do Single sign-on")
	flags.BoolVar(&s.auto, "sso-auto", false, "Auto launch local browser to do Single sign-on")
	flags.StringVar(&s.passcode, "sso-passcode", "", "Single sign-on with one-time passcode")
	s.given = func() bool { return flags.Changed("sso-passcode") }
}

func (s singleSignOn) wanted() bool { return s.prompt || s.auto || s.given() }

func (s singleSignOn) check(c *cobra.Command) error {
	switch {
	case s.given() && s.passcode == "":
		return usagef(c, "--sso-passcode is empty.")
	case s.auto && (s.prompt || s.given()):
		return usagef(c, "--sso-auto and other ways of single sign-on exclude each other.")
	}
	return nil
}

// signOn gets what proves who somebody is, for tokens of the client; empty: that
// of this program.
func (f *factory) signOn(c *cobra.Command, s singleSignOn, client string, login *session.Login) error {
	switch {
	case s.given():
		login.Passcode = pks.Secret(s.passcode)
		return nil
	case s.auto:
		return f.browse(c, client, login)
	}
	return f.askForPasscode(c, login)
}

// askForPasscode says where the one-time code is to be had, and asks for it.
func (f *factory) askForPasscode(c *cobra.Command, login *session.Login) error {
	if !f.console.Interactive() {
		return usagef(c, "There is no terminal to ask for the passcode on: give --sso-passcode.")
	}
	page, err := session.PasscodeURL(c.Context(), *login)
	if err != nil {
		return err
	}
	f.console.Notef("Get a one-time passcode at %s\n", console.Clean(page))
	login.Passcode, err = f.console.Password(c.Context(), "Passcode: ")
	if err == nil && login.Passcode == "" {
		return console.ErrNoAnswer
	}
	return err
}

// patience is how long a person has for the pages of UAA unless --timeout says
// otherwise.
const patience = 5 * time.Minute

// browse sends the person to UAA with a browser, and waits for the code that UAA
// sends back to this machine (RFC 8252; reference/uaa.md §3.4).
func (f *factory) browse(c *cobra.Command, client string, login *session.Login) error {
	ctx := c.Context()
	state := rand.Text()
	ports := f.system.RedirectPorts
	if ports == nil {
		ports = browser.Ports()
	}
	answer, err := browser.Listen(ctx, state, ports...)
	if err != nil {
		return err
	}
	defer answer.Close()
	verifier := uaa.NewCodeVerifier()
	page, err := session.AuthorizeURL(ctx, *login, client, answer.Redirect, state, verifier)
	if err != nil {
		return err
	}
	if err := f.openBrowser(page); err != nil {
		if !f.console.Interactive() {
			return fmt.Errorf("show the login page: %w", err)
		}
		f.console.Notef("Open this page in a browser of this machine to log in:\n%s\n", console.Clean(page))
	} else {
		f.console.Notef("Log in with the browser that opens now. If none does, open this page in one of this machine:\n%s\n", console.Clean(page))
	}
	limit := patience
	if login.Timeout > 0 {
		limit = login.Timeout
	}
	code, err := answer.Wait(ctx, limit)
	if err != nil {
		return err
	}
	login.Code = session.Code{Code: code, Verifier: verifier, Redirect: answer.Redirect}
	return nil
}

func (f *factory) openBrowser(page string) error {
	if f.system.OpenBrowser != nil {
		return f.system.OpenBrowser(page)
	}
	return browser.Open(f.system.Getenv, page)
}

// describeBrowser says why a login with a browser came to nothing.
func describeBrowser(err error) (failure, bool) {
	const otherway = "Log in with --sso instead: it asks for a passcode that can be had with a browser of another machine."
	if denied, ok := errors.AsType[*browser.DeniedError](err); ok {
		return failure{what: "UAA refused the login: " + denied.Reason(), exit: pks.ExitDenied}, true
	}
	if taken, ok := errors.AsType[*browser.PortsTakenError](err); ok {
		return failure{what: "The browser's answer cannot be received: " + taken.Error() + ".",
			hints: []string{"End the programs that listen there, such as another login.", otherway}, exit: pks.ExitFailed}, true
	}
	switch {
	case errors.Is(err, browser.ErrNoAnswer):
		return failure{what: "The browser sent no answer in time.", hints: []string{
			"If it shows that the redirect address is not registered, an operator must add it to the UAA client; see the installation guide.",
			otherway,
		}, exit: pks.ExitFailed}, true
	case errors.Is(err, browser.ErrNone):
		return failure{what: "No browser can be started on this machine.", hints: []string{
			"Name one in the environment variable BROWSER.", otherway}, exit: pks.ExitFailed}, true
	}
	return failure{}, false
}
