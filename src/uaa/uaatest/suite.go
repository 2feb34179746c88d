package uaatest

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// Run examines the target.
func Run(t *testing.T, target Target) {
	for name, test := range map[string]func(*bench){
		"PasswordGrant":                       passwordGrant,
		"PasswordGrantRefusals":               passwordRefusals,
		"ClientCredentialsGrant":              clientCredentials,
		"ClientAuthentication":                clientAuthentication,
		"RefreshGrant":                        refreshGrant,
		"RefreshRefusals":                     refreshRefusals,
		"OpaqueTokens":                        opaqueTokens,
		"IDToken":                             idToken,
		"CheckToken":                          checkToken,
		"Introspect":                          introspect,
		"ReadOnlyAudience":                    readOnlyAudience,
		"TokenRequestErrors":                  tokenRequestErrors,
		"KeysAndDiscovery":                    keysAndDiscovery,
		"InfoAndLogin":                        infoAndLogin,
		"UserInfo":                            userInfo,
		"RevocationByUserAndClient":           revocation,
		"Users":                               users,
		"UserVersions":                        userVersions,
		"UserPasswords":                       userPasswords,
		"DeactivatedUserIsLockedOut":          deactivated,
		"UserFiltersAndPages":                 userFilters,
		"Groups":                              groups,
		"GroupMembersByPut":                   groupMembersByPut,
		"NestedGroups":                        nestedGroups,
		"ExternalGroups":                      externalGroups,
		"Clients":                             clients,
		"ClientSecretRotation":                secretRotation,
		"ManagementNeedsScopes":               managementNeedsScopes,
		"LockoutAfterFailures":                lockout,
		"AuthorizeRefusesUnregisteredTargets": authorizeRefusals,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newBench(t, target))
		})
	}
}

// cli makes a client like pks_cli: empty secret, product scopes.
func (b *bench) cli() string {
	b.t.Helper()
	return b.addClient("", map[string]any{
		"authorized_grant_types": []string{"password", "refresh_token"},
		"scope":                  []string{uaa.ScopeAdmin, uaa.ScopeManage, uaa.ScopeAdminRead},
		"authorities":            []string{"uaa.none"}, "autoapprove": true,
		"access_token_validity": 600, "refresh_token_validity": 21600,
	})
}

// checker makes a client like pks_client, which may ask about tokens.
func (b *bench) checker() (id, secret string) {
	b.t.Helper()
	secret = unique("secret")
	return b.addClient(secret, map[string]any{
		"authorized_grant_types": []string{"client_credentials"}, "authorities": []string{"uaa.resource"}, "scope": []string{"uaa.none"},
	}), secret
}

func passwordGrant(b *bench) {
	user := b.addUser(uaa.ScopeManage)
	cli := b.cli()
	tokens, err := b.client(cli, "").Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	if tokens.Refresh == "" || tokens.ID != "" || tokens.JTI == "" {
		b.t.Errorf("answer has a refresh token: %t, an ID token: %t, a jti: %t", tokens.Refresh != "", tokens.ID != "", tokens.JTI != "")
	}
	got, err := b.verifier().Verify(b.context(), tokens.Access.Reveal())
	if err != nil {
		b.t.Fatal(err)
	}
	want := uaa.Token{
		Principal: pks.Principal{Kind: pks.PrincipalUser, Origin: "uaa", ID: user.id, Name: user.name},
		Scopes:    []string{uaa.ScopeManage}, ClientID: cli, JTI: tokens.JTI, ExpiresAt: got.ExpiresAt,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("token differs (-want +got):\n%s", diff)
	}
	// The form variant of the client's authentication, and a tolerated parameter.
	a := b.want(b.form("/oauth/token", "", "", url.Values{"grant_type": {"password"}, "client_id": {cli}, "client_secret": {""},
		"username": {user.name}, "password": {user.password}, "response_type": {"token"}}), http.StatusOK)
	if a.body["token_type"] != "bearer" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" {
		b.t.Errorf("token_type is %v, headers are %v", a.body["token_type"], a.header)
	}
	if seconds, _ := a.body["expires_in"].(float64); seconds < 590 || seconds > 600 {
		b.t.Errorf("expires_in is %v", a.body["expires_in"])
	}
	claims := b.payload(a.string("access_token"))
	for _, name := range []string{"jti", "sub", "scope", "client_id", "cid", "azp", "grant_type", "user_id", "origin", "user_name",
		"email", "auth_time", "rev_sig", "iat", "exp", "iss", "zid", "aud"} {
		if _, ok := claims[name]; !ok {
			b.t.Errorf("access token lacks claim %s", name)
		}
	}
	if refresh := b.payload(a.string("refresh_token")); !strings.HasSuffix(refresh["jti"].(string), "-r") || refresh["scope"] != nil {
		b.t.Errorf("refresh token has jti %v and scope %v", refresh["jti"], refresh["scope"])
	}
	if _, err := b.verifier().Verify(b.context(), a.string("refresh_token")); err == nil {
		b.t.Error("the refresh token passes as an access token")
	}
}

func passwordRefusals(b *bench) {
	user, stranger := b.addUser(uaa.ScopeManage), b.addUser()
	cli := b.client(b.cli(), "")
	for name, test := range map[string]struct {
		user, password string
		kind           error
	}{
		"wrong password":   {user.name, "wrong", uaa.ErrCredentialsRejected},
		"unknown user":     {unique("nobody"), "wrong", uaa.ErrCredentialsRejected},
		"no product group": {stranger.name, stranger.password, uaa.ErrNoScope},
	} {
		if _, err := cli.Password(b.context(), test.user, pks.Secret(test.password)); !errors.Is(err, test.kind) {
			b.t.Errorf("%s: error is %v, want %v", name, err, test.kind)
		}
	}
}

func clientCredentials(b *bench) {
	secret := unique("p:%+ ä&")
	id := b.addClient(secret, map[string]any{
		"authorized_grant_types": []string{"client_credentials"}, "authorities": []string{uaa.ScopeAdmin, uaa.ScopeAdminRead}, "scope": []string{"uaa.none"},
	})
	tokens, err := b.client(id, pks.Secret(secret)).ClientCredentials(b.context())
	if err != nil {
		b.t.Fatal(err)
	}
	if tokens.Refresh != "" {
		b.t.Error("client credentials give a refresh token")
	}
	got, err := b.verifier().Verify(b.context(), tokens.Access.Reveal())
	if err != nil {
		b.t.Fatal(err)
	}
	want := pks.Principal{Kind: pks.PrincipalClient, ID: id, Name: id}
	if diff := cmp.Diff(want, got.Principal); diff != "" || !got.Has(uaa.ScopeAdmin) || !got.Has(uaa.ScopeAdminRead) {
		b.t.Errorf("principal differs (-want +got):\n%s\nscopes: %v", diff, got.Scopes)
	}
	narrow := b.want(b.form("/oauth/token", id, secret, url.Values{"grant_type": {"client_credentials"}, "scope": {uaa.ScopeAdminRead}}), http.StatusOK)
	if narrow.string("scope") != uaa.ScopeAdminRead {
		b.t.Errorf("narrowed scope is %q", narrow.string("scope"))
	}
	b.want(b.form("/oauth/token", id, secret, url.Values{"grant_type": {"client_credentials"}, "scope": {"clients.admin"}}), http.StatusBadRequest, "invalid_scope")
}

func clientAuthentication(b *bench) {
	id, secret := b.checker()
	form := url.Values{"grant_type": {"client_credentials"}}
	b.want(b.form("/oauth/token", id, "wrong", form), http.StatusUnauthorized, "invalid_client", "unauthorized")
	b.want(b.form("/oauth/token", unique("nobody"), secret, form), http.StatusUnauthorized, "invalid_client", "unauthorized")
	b.want(b.form("/oauth/token", "", "", form), http.StatusUnauthorized, "unauthorized", "invalid_client")
	b.want(b.form("/oauth/token", "", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}), http.StatusOK)
	b.want(b.form("/oauth/token", "", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {"wrong"}}), http.StatusUnauthorized)
	if _, err := b.client(id, "wrong").ClientCredentials(b.context()); !errors.Is(err, uaa.ErrCredentialsRejected) {
		b.t.Errorf("error is %v", err)
	}
}

func refreshGrant(b *bench) {
	user := b.addUser(uaa.ScopeManage, uaa.ScopeAdminRead)
	id := b.cli()
	cli := b.client(id, "")
	first, err := cli.Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	second, err := cli.Refresh(b.context(), first.Refresh)
	if err != nil {
		b.t.Fatal(err)
	}
	if second.Refresh == "" || second.JTI == first.JTI {
		b.t.Errorf("refreshed answer: refresh token there: %t, jti changed: %t", second.Refresh != "", second.JTI != first.JTI)
	}
	got, err := b.verifier().Verify(b.context(), second.Access.Reveal())
	if err != nil || got.Principal.ID != user.id || len(got.Scopes) != 2 {
		b.t.Errorf("refreshed token is %+v, error %v", got, err)
	}
	if kind := b.payload(second.Access.Reveal())["grant_type"]; kind != "password" {
		b.t.Errorf("grant_type after a refresh is %v", kind)
	}
	narrow := b.want(b.form("/oauth/token", id, "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second.Refresh.Reveal()}, "scope": {uaa.ScopeAdminRead}}), http.StatusOK)
	if narrow.string("scope") != uaa.ScopeAdminRead {
		b.t.Errorf("narrowed scope is %q", narrow.string("scope"))
	}
}

func refreshRefusals(b *bench) {
	user := b.addUser(uaa.ScopeManage)
	id := b.cli()
	cli := b.client(id, "")
	tokens, err := cli.Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	refresh := func(client, token, scope string) answer {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		if scope != "" {
			form.Set("scope", scope)
		}
		return b.form("/oauth/token", client, "", form)
	}
	b.want(refresh(b.cli(), tokens.Refresh.Reveal(), ""), http.StatusBadRequest, "invalid_grant")
	b.want(refresh(id, tokens.Refresh.Reveal(), uaa.ScopeAdmin), http.StatusBadRequest, "invalid_scope")
	b.want(refresh(id, "rubbish.rubbish.rubbish", ""), http.StatusUnauthorized, "invalid_token")
	b.want(refresh(id, tokens.Access.Reveal(), ""), http.StatusUnauthorized, "invalid_token")
	b.want(b.call(http.MethodPut, "/Users/"+user.id+"/password", b.admin, map[string]string{"password": unique("new")}), http.StatusOK)
	b.want(refresh(id, tokens.Refresh.Reveal(), ""), http.StatusUnauthorized, "invalid_token")
	if _, err := cli.Refresh(b.context(), tokens.Refresh); !errors.Is(err, uaa.ErrSessionExpired) {
		b.t.Errorf("error is %v, want %v", err, uaa.ErrSessionExpired)
	}
}

func opaqueTokens(b *bench) {
	user := b.addUser(uaa.ScopeManage)
	cli := b.cli()
	checker, secret := b.checker()
	a := b.want(b.form("/oauth/token", cli, "", url.Values{"grant_type": {"password"}, "username": {user.name}, "password": {user.password}, "token_format": {"opaque"}}), http.StatusOK)
	token := a.string("access_token")
	if len(token) < 30 || strings.Contains(token, ".") {
		b.t.Fatalf("opaque token has %d characters", len(token))
	}
	asking := b.verifier(func(c *uaa.VerifierConfig) { c.ClientID, c.ClientSecret = checker, pks.Secret(secret) })
	got, err := asking.Verify(b.context(), token)
	if err != nil || got.Principal.ID != user.id || !got.Has(uaa.ScopeManage) {
		b.t.Errorf("opaque token is %+v, error %v", got, err)
	}
	b.want(b.form("/oauth/token", cli, "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.string("refresh_token")}, "token_format": {"opaque"}}), http.StatusOK)
	b.want(b.call(http.MethodDelete, "/oauth/token/revoke/"+token, token, nil), http.StatusOK)
	b.want(b.form("/check_token", checker, secret, url.Values{"token": {token}}), http.StatusBadRequest, "invalid_token")
}

func idToken(b *bench) {
	user := b.addUser()
	cluster := b.addClient("", map[string]any{
		"authorized_grant_types": []string{"password", "refresh_token"}, "scope": []string{"openid", "roles"}, "autoapprove": true,
	})
	tokens, err := b.client(cluster, "").Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	if tokens.ID == "" || tokens.Refresh == "" {
		b.t.Fatal("the answer lacks the ID token or the refresh token")
	}
	claims := b.payload(tokens.ID.Reveal())
	for name, want := range map[string]any{"iss": b.Issuer, "aud": []any{cluster}, "user_name": user.name, "sub": user.id, "scope": []any{"openid"}} {
		if diff := cmp.Diff(want, claims[name]); diff != "" {
			b.t.Errorf("claim %s differs (-want +got):\n%s", name, diff)
		}
	}
	if _, err := b.verifier(func(c *uaa.VerifierConfig) { c.Audiences = nil }).Verify(b.context(), tokens.ID.Reveal()); err == nil {
		b.t.Error("the ID token passes as an access token")
	}
}

func checkToken(b *bench) {
	checker, secret := b.checker()
	user := b.addUser(uaa.ScopeManage)
	tokens, err := b.client(b.cli(), "").Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	access := tokens.Access.Reveal()
	good := b.want(b.form("/check_token", checker, secret, url.Values{"token": {access}}), http.StatusOK)
	if good.string("user_id") != user.id {
		b.t.Errorf("user_id is %q", good.string("user_id"))
	}
	b.want(b.form("/check_token", checker, secret, url.Values{"token": {access}, "scopes": {uaa.ScopeManage}}), http.StatusOK)
	b.want(b.form("/check_token", checker, secret, url.Values{"token": {access}, "scopes": {"scim.write"}}), http.StatusBadRequest, "invalid_scope")
	b.want(b.form("/check_token", checker, secret, url.Values{"token": {access[:len(access)-8] + "AAAAAAAA"}}), http.StatusBadRequest, "invalid_token")
	b.want(b.form("/check_token", checker, secret, url.Values{"token": {"rubbish"}}), http.StatusBadRequest, "invalid_token")
	b.want(b.form("/check_token", checker, "wrong", url.Values{"token": {access}}), http.StatusUnauthorized)
	b.want(b.form("/check_token", "", "", url.Values{"token": {access}}), http.StatusUnauthorized)
	powerless := b.addClient(secret, map[string]any{"authorized_grant_types": []string{"client_credentials"}, "authorities": []string{uaa.ScopeAdmin}, "scope": []string{"uaa.none"}})
	b.want(b.form("/check_token", powerless, secret, url.Values{"token": {access}}), http.StatusForbidden)
}

func introspect(b *bench) {
	checker, secret := b.checker()
	user := b.addUser(uaa.ScopeManage)
	tokens, err := b.client(b.cli(), "").Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	good := b.want(b.form("/introspect", checker, secret, url.Values{"token": {tokens.Access.Reveal()}}), http.StatusOK)
	if good.body["active"] != true || good.string("user_id") != user.id {
		b.t.Errorf("introspection is %s", good.text)
	}
	bad := b.want(b.form("/introspect", checker, secret, url.Values{"token": {"rubbish"}}), http.StatusOK)
	if bad.body["active"] != false {
		b.t.Errorf("introspection of rubbish is %s", bad.text)
	}
}

func readOnlyAudience(b *bench) {
	user := b.addUser(uaa.ScopeAdminRead)
	tokens, err := b.client(b.cli(), "").Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.verifier().Verify(b.context(), tokens.Access.Reveal()); err != nil {
		b.t.Errorf("a read-only token is refused: %v", err)
	}
}

func tokenRequestErrors(b *bench) {
	id := b.cli()
	user := b.addUser(uaa.ScopeManage)
	b.want(b.form("/oauth/token", id, "", url.Values{"grant_type": {"client_credentials"}}), http.StatusUnauthorized, "unauthorized_client", "invalid_client")
	b.want(b.form("/oauth/token", id, "", url.Values{"grant_type": {"password"}, "username": {user.name}, "password": {user.password}, "scope": {"no.such.scope"}}), http.StatusBadRequest, "invalid_scope")
	b.want(b.form("/oauth/token", id, "", url.Values{"grant_type": {"password"}, "passcode": {"wrong"}}), http.StatusUnauthorized)
	if _, err := b.client(id, "").Passcode(b.context(), "wrong"); !errors.Is(err, uaa.ErrCredentialsRejected) {
		b.t.Errorf("error of a wrong passcode is %v", err)
	}
	if _, err := b.client(id, "").ClientCredentials(b.context()); !errors.Is(err, uaa.ErrRequestRefused) && !errors.Is(err, uaa.ErrCredentialsRejected) {
		b.t.Errorf("error of a grant that is not allowed is %v", err)
	}
}
