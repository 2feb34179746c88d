package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/pks"
)

// finding is what came of one check.
type finding struct {
	what   string
	bad    bool
	remedy string
}

// errUnwell: the findings say it all.
var errUnwell = errors.New("something is wrong")

const (
	doctorWait = 10 * time.Second
	// maxSkew is how far clocks may differ: tokens are good for ten minutes.
	maxSkew = 30 * time.Second
	// soon is when a certificate should be renewed.
	soon = 30 * 24 * time.Hour
)

func newDoctor(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Checks the login, the API, UAA, certificates and clocks",
		Args:  exactly(f),
		RunE: func(c *cobra.Command, _ []string) error {
			findings, err := f.examine(c.Context())
			if err != nil {
				return err
			}
			unwell := false
			for _, found := range findings {
				mark := "ok   "
				if found.bad {
					mark, unwell = "FAIL ", true
				}
				f.console.Printf("%s%s\n", mark, console.Clean(found.what))
				if found.bad && found.remedy != "" {
					f.console.Printf("     %s\n", console.Clean(found.remedy))
				}
			}
			if unwell {
				return errUnwell
			}
			return nil
		},
	}
}

// examine looks at one thing after another; what rests on something that is bad is
// not looked at.
func (f *factory) examine(ctx context.Context) ([]finding, error) {
	store, err := f.store()
	if err != nil {
		return nil, err
	}
	credentials, err := store.Load()
	if err != nil {
		return nil, err
	}
	if credentials.API == "" {
		return []finding{{"There is no login in " + store.Path() + ".", true, fmt.Sprintf("Use '%s login -a API -u USER'.", f.name)}}, nil
	}
	findings := []finding{{what: fmt.Sprintf("The login in %s is that of %s at %s.", store.Path(), credentials.Username, credentials.API)}}
	if credentials.SkipTLS {
		findings = append(findings, finding{"Certificates are not checked.", true, "Log in with --ca-cert FILE in place of -k."})
	}
	answers := f.visit(ctx, credentials, "API", credentials.API, "/actuator/info")
	findings = append(findings, answers...)
	if !healthy(answers) {
		return findings, nil
	}
	findings = append(findings, f.builds(ctx, credentials)...)
	if credentials.UAA != "" {
		findings = append(findings, f.visit(ctx, credentials, "UAA", credentials.UAA, "/healthz")...)
	}
	return append(findings, f.session(ctx)), nil
}

func healthy(findings []finding) bool {
	for _, found := range findings {
		if found.bad {
			return false
		}
	}
	return true
}

// visit asks a server something that needs no login, for its certificate and its
// clock.
func (f *factory) visit(ctx context.Context, credentials session.Credentials, who, address, path string) []finding {
	ctx, cancel := context.WithTimeout(ctx, doctorWait)
	defer cancel()
	transport, err := credentials.TLS().Transport()
	if err != nil {
		return []finding{{"The CA certificate of the login cannot be read.", true, "Log in again with --ca-cert FILE."}}
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+path, nil)
	if err != nil {
		return []finding{{fmt.Sprintf("The address of the %s, %s, is none.", who, address), true, "Log in again."}}
	}
	sent := f.now()
	res, err := transport.RoundTrip(req)
	if err != nil {
		shown := describeTrouble(who, address, apiclient.Diagnose(err), err)
		remedy := ""
		if len(shown.hints) > 0 {
			remedy = shown.hints[0]
		}
		return []finding{{shown.what, true, remedy}}
	}
	_ = res.Body.Close()
	findings := []finding{{what: fmt.Sprintf("The %s at %s answers.", who, address)}}
	if res.StatusCode >= http.StatusInternalServerError {
		findings = []finding{{fmt.Sprintf("The %s at %s answers %s.", who, address, res.Status), true, "Ask the platform operator."}}
	}
	if there, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		findings = append(findings, clocks(who, sent, there))
	}
	if res.TLS != nil && len(res.TLS.PeerCertificates) > 0 {
		findings = append(findings, expiry(who, f.now(), res.TLS.PeerCertificates[0].NotAfter))
	}
	return findings
}

func clocks(who string, here, there time.Time) finding {
	skew := there.Sub(here).Round(time.Second)
	if skew.Abs() > maxSkew {
		return finding{fmt.Sprintf("The clock of the %s differs by %s.", who, skew), true, "Set the clocks: tokens are refused else."}
	}
	return finding{what: fmt.Sprintf("The clock of the %s agrees.", who)}
}

func expiry(who string, now, until time.Time) finding {
	left := until.Sub(now)
	if left < soon {
		return finding{fmt.Sprintf("The certificate of the %s expires on %s.", who, until.Local().Format(time.RFC1123)), true, "Ask the platform operator to renew it."}
	}
	return finding{what: fmt.Sprintf("The certificate of the %s is good for %d days.", who, int(left.Hours()/24))}
}

// builds compares the builds of the two ends; servers of other makes do not tell.
func (f *factory) builds(ctx context.Context, credentials session.Credentials) []finding {
	client, err := apiclient.New(apiclient.Config{URL: credentials.API, TLS: credentials.TLS(), Timeout: doctorWait, UserAgent: f.userAgent()})
	if err != nil {
		return nil // the visit has said why
	}
	defer client.Close()
	info, err := client.Info(ctx)
	if err != nil || info.Build.Version == "" {
		return nil
	}
	if info.Build.Version != f.version {
		return []finding{{
			fmt.Sprintf("The API is version %s, this command line %s.", info.Build.Version, f.version), true,
			"Install the command line of the API's version.",
		}}
	}
	return []finding{{what: "API and command line are version " + f.version + "."}}
}

// session tells whether the tokens still work.
func (f *factory) session(ctx context.Context) finding {
	api, err := f.api()
	if err == nil {
		_, err = api.Plans(ctx)
	}
	if err != nil {
		shown := f.describe(ctx, err)
		remedy := ""
		if len(shown.hints) > 0 {
			remedy = shown.hints[0]
		}
		return finding{shown.what, true, remedy}
	}
	return finding{what: "The login is good."}
}

func unwell() failure {
	return failure{what: "Something is wrong: see above.", exit: pks.ExitFailed}
}
