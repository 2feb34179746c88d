package cli

import (
	"errors"
	"fmt"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// describeUAA says why there is no token.
func (f *factory) describeUAA(trouble *uaa.Error) failure {
	switch {
	case errors.Is(trouble, uaa.ErrCredentialsRejected):
		return failure{what: "Credentials were rejected, please try again.", exit: pks.ExitDenied}
	case errors.Is(trouble, uaa.ErrNoScope):
		return failure{
			what:  "The credentials are good, but give no right to use PKS.",
			hints: []string{pks.Lookup(pks.CodeForbidden).Remedy},
			exit:  pks.ExitDenied,
		}
	case errors.Is(trouble, uaa.ErrSessionExpired):
		return f.notLoggedIn()
	case errors.Is(trouble, uaa.ErrCertificate), errors.Is(trouble, uaa.ErrUnreachable), errors.Is(trouble, uaa.ErrNotUAA) && trouble.Status == 0:
		return describeTrouble("UAA", trouble.URL, apiclient.Diagnose(trouble), cause(trouble))
	case errors.Is(trouble, uaa.ErrUnavailable):
		return failure{what: "UAA at " + trouble.URL + " cannot serve the request now.", hints: []string{trouble.Description, "Try again later."}, exit: pks.ExitFailed}
	case errors.Is(trouble, uaa.ErrRequestRefused):
		return failure{what: "UAA refused the login: " + trouble.Description, hints: []string{"A client needs the grant client_credentials; ask an administrator."}, exit: pks.ExitDenied}
	}
	return failure{what: trouble.URL + " does not answer like a UAA.", hints: []string{"Check the address given with --api."}, exit: pks.ExitFailed}
}

func cause(trouble *uaa.Error) error {
	if all := trouble.Unwrap(); len(all) > 1 {
		return all[1]
	}
	return trouble
}

// describeTrouble says why a server could not be spoken with. who is API or UAA.
func describeTrouble(who, url string, trouble apiclient.Trouble, err error) failure {
	at := who + " at " + url
	shown := failure{exit: pks.ExitFailed}
	switch trouble {
	case apiclient.TroubleUnknownCA:
		shown.what = fmt.Sprintf("The certificate of the %s is signed by an unknown authority.", at)
		shown.hints = []string{"Log in with --ca-cert FILE, the certificate of that authority, or with -k to skip the check."}
	case apiclient.TroubleWrongName:
		shown.what = fmt.Sprintf("The certificate of the %s is for another host: %v.", at, err)
		shown.hints = []string{"Log in with the name that is in the certificate, or with -k to skip the check."}
	case apiclient.TroubleCertificate:
		shown.what = fmt.Sprintf("The certificate of the %s is not good: %v.", at, err)
		shown.hints = []string{"Have it renewed, or log in with -k to skip the check."}
	case apiclient.TroubleNotTLS:
		shown.what = fmt.Sprintf("The %s does not speak TLS.", at)
		shown.hints = []string{"Check the port of the address given with --api."}
	case apiclient.TroubleTimeout:
		shown.what = fmt.Sprintf("The %s did not answer in time.", at)
		shown.hints = []string{"Try again, or log in with a longer --timeout."}
	default:
		shown.what = fmt.Sprintf("The %s cannot be reached: %v.", at, err)
		shown.hints = []string{"Check the address given with --api, and the network."}
	}
	return shown
}
