package uaa

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

func TestPeopleNeedNoScopeOfTheProduct(t *testing.T) {
	t.Parallel()
	now := time.Now()
	v := newTestVerifier(t, newFake(keyOne()))
	login := userClaims(now).with("client_id", "pks_cluster_client").with("cid", "pks_cluster_client")
	access := login.with("scope", []string{"openid", "roles"}).with("aud", []string{"pks_cluster_client", "openid", "roles"})
	for name, c := range map[string]struct {
		claims       document
		good, person bool
	}{
		"token of the product":                {userClaims(now), true, true},
		"client of the product":               {clientClaims(now), true, true},
		"token that tells who":                {access, false, true},
		"with no other scope":                 {access.with("scope", []string{"openid"}).with("aud", []string{"pks_cluster_client", "openid"}), false, true},
		"ID token":                            {access.with("scope", []string{"openid"}).with("aud", []string{"pks_cluster_client"}), false, false},
		"token for something else":            {access.with("aud", []string{"cf", "cloud_controller"}), false, false},
		"audience that begins like it":        {access.with("aud", []string{"openidx"}), false, false},
		"client that tells who":               {clientClaims(now).with("aud", []string{"ci-bot", "openid"}), false, false},
		"refresh token of pks_cluster_client": {access.with("jti", "b7c1-r"), false, false},
		"token of another issuer":             {access.with("iss", "https://other/oauth/token"), false, false},
		"expired":                             {access.with("exp", now.Add(-time.Minute).Unix()), false, false},
		"without a user name":                 {access.without("user_name"), false, false},
	} {
		raw := mint(t, "key-1", jwtHeader(), c.claims)
		if _, err := verify(t, v, raw); (err == nil) != c.good {
			t.Errorf("%s: Verify gives %v", name, err)
		}
		// The verdict on one question is not that on the other, whichever came first.
		token, err := v.VerifyPerson(t.Context(), raw)
		if (err == nil) != c.person {
			t.Errorf("%s: VerifyPerson gives %v", name, err)
		}
		if err != nil {
			wantFailure(t, err, pks.CodeUnauthenticated)
		} else if token.Principal.Name == "" {
			t.Errorf("%s: the token is %+v", name, token)
		}
		if _, err := verify(t, v, raw); (err == nil) != c.good {
			t.Errorf("%s: Verify then gives %v", name, err)
		}
	}
}

func TestIssuerIsAskedFor(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"issuer":"https://uaa/oauth/token"}`: "https://uaa/oauth/token",
		`{"issuer":""}`:                        "",
		`<html>`:                               "",
	} {
		fake := newFake()
		fake.answer = func(*http.Request) (int, string) { return 200, body }
		got, err := newTestClient(t, fake).Issuer(context.Background())
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s gives %q, %v", body, got, err)
		}
	}
}
