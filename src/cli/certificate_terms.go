package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/pks"
)

// urgentDays is when a certificate that expires is a reason to act.
const urgentDays = 30

// errNoCertificates: the server is of another make.
var errNoCertificates = errors.New("the server does not tell about certificates")

// expiring are the certificates that deserve a word (reference/pks-cli.md §7.1).
func expiring(ctx context.Context, api *apiclient.Client, name string) ([]v1.Certificate, error) {
	answer, err := api.Certificates(ctx, name, defaultCertificateDays)
	refusal, refused := errors.AsType[*apiclient.Error](err)
	if refused && refusal.Status == http.StatusNotFound && refusal.Code != pks.CodeClusterNotFound {
		return nil, errNoCertificates
	}
	return answer.Value, err
}

// term says how long a certificate is good.
func term(c v1.Certificate) string {
	if c.DaysLeft < 0 {
		return path.Base(c.Name) + " has expired at " + localTime(c.ValidUntil)
	}
	return fmt.Sprintf("%s expires in %d days", path.Base(c.Name), c.DaysLeft)
}

// certificateBranch folds those that are good for long.
func certificateBranch(found []v1.Certificate) console.Branch {
	if len(found) == 0 {
		return console.Branch{Text: fmt.Sprintf("Certificates: none expires within %d days", defaultCertificateDays)}
	}
	branch := console.Branch{Text: fmt.Sprintf("Certificates: %d to be rotated within %d days", len(found), defaultCertificateDays)}
	for _, c := range found {
		bad := c.DaysLeft < urgentDays
		branch.Bad = branch.Bad || bad
		branch.Below = append(branch.Below, console.Branch{Text: term(c), Bad: bad})
	}
	return branch
}
