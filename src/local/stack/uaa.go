package stack

import (
	"context"
	"fmt"
	"os"

	"github.com/pks-community/pks-release/src/cli/browser"
	"github.com/pks-community/pks-release/src/local/director/auth"
	localuaa "github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/uaa"
)

// OAuth clients of the embedded stack beside those of the product itself.
const (
	clientAPI    = "pks_client"
	clientBroker = "pks-broker"
	// clientErrands is what the release's errands log in as.
	clientErrands = "pks-errands"
	// ClientBOSHAdmin is for the bosh CLI.
	ClientBOSHAdmin = "bosh_admin"
)

func (s *Stack) issuer() string { return s.ports.UAAURL() + "/oauth/token" }

// openUAA opens the embedded UAA. What is there from an earlier start stays.
func (s *Stack) openUAA() (*localuaa.Server, error) {
	grants := []string{"client_credentials"}
	clients := append(localuaa.DefaultClients(localuaa.Secrets{
		Admin:     s.secrets.UAAAdmin,
		PKSClient: s.secrets.PKSClient,
	}, browser.Redirects(browser.Ports()...)...),
		localuaa.Client{
			ID: clientBroker, Secret: s.secrets.BrokerClient, GrantTypes: grants,
			Authorities: []string{"bosh.admin", "credhub.read", "credhub.write"},
		},
		localuaa.Client{
			ID: ClientBOSHAdmin, Secret: s.secrets.DirectorAdmin, GrantTypes: grants,
			Authorities: []string{"bosh.admin", "credhub.read"},
		},
		localuaa.Client{
			ID: clientErrands, Secret: s.secrets.ErrandsClient, GrantTypes: grants, Authorities: []string{uaa.ScopeAdmin},
		},
	)
	return localuaa.New(localuaa.Config{
		Dir:     s.layout.UAA(),
		BaseURL: s.ports.UAAURL(),
		Issuer:  s.issuer(),
		Clients: clients,
		Groups:  localuaa.DefaultGroups(),
		Users: []localuaa.User{
			{Name: "admin", Password: s.secrets.AdminUser, Groups: []string{uaa.ScopeAdmin}},
			{Name: "developer", Password: s.secrets.DeveloperUser, Groups: []string{uaa.ScopeManage}},
			{Name: "viewer", Password: s.secrets.ViewerUser, Groups: []string{uaa.ScopeAdminRead}},
		},
		Logger: s.log.With("part", "uaa"),
	})
}

// directorAuth lets the Director and CredHub accept tokens of the embedded UAA.
// A Director does not look at audiences (reference/director-api.md §3.2).
func (s *Stack) directorAuth() (auth.Authenticator, *uaa.Verifier, error) {
	ca, err := os.ReadFile(s.layout.CACertificate())
	if err != nil {
		return nil, nil, fmt.Errorf("read the CA: %w", err)
	}
	verifier, err := uaa.NewVerifier(uaa.VerifierConfig{
		Connection: uaa.Connection{URL: s.ports.UAAURL(), CA: ca},
		Issuer:     s.issuer(),
		AnyZone:    true,
	})
	if err != nil {
		return nil, nil, err
	}
	return auth.Bearer{
		URL: s.ports.UAAURL(),
		Verify: func(ctx context.Context, raw string) (auth.Identity, error) {
			token, err := verifier.Verify(ctx, raw)
			if err != nil {
				return auth.Identity{}, err
			}
			return auth.Identity{User: token.Principal.Name, Scopes: token.Scopes}, nil
		},
	}, verifier, nil
}
