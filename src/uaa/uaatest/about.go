package uaatest

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

func keysAndDiscovery(b *bench) {
	keys := b.want(b.call(http.MethodGet, "/token_keys", "", nil), http.StatusOK)
	list, _ := keys.body["keys"].([]any)
	if len(list) == 0 {
		b.t.Fatalf("key set is %s", keys.text)
	}
	first, _ := list[0].(map[string]any)
	for name, want := range map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256"} {
		if first[name] != want {
			b.t.Errorf("key member %s is %v, want %v", name, first[name], want)
		}
	}
	if value, _ := first["value"].(string); !strings.HasPrefix(value, "-----BEGIN PUBLIC KEY-----") {
		b.t.Errorf("key member value is %q", value)
	}
	if tag := keys.header.Get("ETag"); tag != "" {
		b.want(b.call(http.MethodGet, "/token_keys", "", nil, "If-None-Match", tag), http.StatusNotModified)
	}
	if active := b.want(b.call(http.MethodGet, "/token_key", "", nil), http.StatusOK); active.body["kty"] != "RSA" {
		b.t.Errorf("active key is %s", active.text)
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/oauth/token/.well-known/openid-configuration"} {
		document := b.want(b.call(http.MethodGet, path, "", nil), http.StatusOK)
		if document.string("issuer") != b.Issuer || !strings.HasSuffix(document.string("jwks_uri"), "/token_keys") ||
			!strings.HasSuffix(document.string("token_endpoint"), "/oauth/token") {
			b.t.Errorf("%s is %s", path, document.text)
		}
	}
}

func infoAndLogin(b *bench) {
	info, err := b.client("pks_cli", "").Info(b.context())
	if err != nil {
		b.t.Fatal(err)
	}
	if info.Version == "" || info.Prompts["username"].Secret || !info.Prompts["password"].Secret || !strings.HasSuffix(info.PasscodeURL, "/passcode") {
		b.t.Errorf("info is %+v", info)
	}
	login := b.want(b.call(http.MethodGet, "/login", "", nil), http.StatusOK)
	if links, _ := login.body["links"].(map[string]any); links["uaa"] == nil || links["login"] == nil {
		b.t.Errorf("links are %v", login.body["links"])
	}
	if health := b.want(b.call(http.MethodGet, "/healthz", "", nil), http.StatusOK); strings.TrimSpace(health.text) != "ok" {
		b.t.Errorf("health is %q", health.text)
	}
	if passcode := b.call(http.MethodGet, "/passcode", "", nil, "Accept", "text/html"); passcode.status != http.StatusFound ||
		!strings.Contains(passcode.header.Get("Location"), "/login") {
		b.t.Errorf("passcode without a session: status %d to %q", passcode.status, passcode.header.Get("Location"))
	}
}

func userInfo(b *bench) {
	user := b.addUser(uaa.ScopeManage)
	id := b.addClient("", map[string]any{"authorized_grant_types": []string{"password"}, "scope": []string{"openid"}, "autoapprove": true})
	tokens, err := b.client(id, "").Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	if tokens.Refresh == "" {
		b.t.Error("a client with the grant password did not gain refresh_token")
	}
	me := b.want(b.call(http.MethodGet, "/userinfo?schema=openid", tokens.Access.Reveal(), nil), http.StatusOK)
	if me.string("user_id") != user.id || me.string("user_name") != user.name || me.string("sub") != user.id {
		b.t.Errorf("user info is %s", me.text)
	}
	b.want(b.call(http.MethodGet, "/userinfo", "", nil), http.StatusUnauthorized, "unauthorized")
	other, err := b.client(b.cli(), "").Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	b.want(b.call(http.MethodGet, "/userinfo", other.Access.Reveal(), nil), http.StatusForbidden, "insufficient_scope", "access_denied")
}

func revocation(b *bench) {
	checker, secret := b.checker()
	check := func(token pks.Secret) int {
		return b.form("/check_token", checker, secret, url.Values{"token": {token.Reveal()}}).status
	}
	for _, kind := range []string{"user", "client"} {
		user, id := b.addUser(uaa.ScopeManage), b.cli()
		tokens, err := b.client(id, "").Password(b.context(), user.name, pks.Secret(user.password))
		if err != nil {
			b.t.Fatal(err)
		}
		strict := b.verifier(func(c *uaa.VerifierConfig) {
			c.ClientID, c.ClientSecret, c.CheckRevocation = checker, pks.Secret(secret), true
		})
		path := map[string]string{"user": "/oauth/token/revoke/user/" + user.id, "client": "/oauth/token/revoke/client/" + id}[kind]
		b.want(b.call(http.MethodGet, path, tokens.Access.Reveal()+"x", nil), http.StatusUnauthorized)
		if status := check(tokens.Access); status != http.StatusOK {
			b.t.Fatalf("before the revocation the status is %d", status)
		}
		b.want(b.call(http.MethodGet, path, b.admin, nil), http.StatusOK)
		if status := check(tokens.Access); status != http.StatusBadRequest {
			b.t.Errorf("after the revocation by %s the status is %d", kind, status)
		}
		if _, err := strict.Verify(b.context(), tokens.Access.Reveal()); err == nil {
			b.t.Errorf("the token revoked by %s passes the verifier that asks", kind)
		}
		b.want(b.form("/oauth/token", id, "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Refresh.Reveal()}}), http.StatusUnauthorized, "invalid_token")
	}
}

func lockout(b *bench) {
	user := b.addUser(uaa.ScopeManage)
	id := b.cli()
	login := func(password string) answer {
		return b.form("/oauth/token", id, "", url.Values{"grant_type": {"password"}, "username": {user.name}, "password": {password}})
	}
	for range 5 {
		b.want(login("wrong"), http.StatusUnauthorized)
	}
	if a := b.want(login(user.password), http.StatusUnauthorized); !strings.Contains(a.string("error_description"), "locked") {
		b.t.Errorf("after five failures the answer is %s", a.text)
	}
	b.want(b.call(http.MethodPatch, "/Users/"+user.id+"/status", b.admin, map[string]bool{"locked": false}), http.StatusOK)
	b.want(login(user.password), http.StatusOK)
}

func authorizeRefusals(b *bench) {
	id := b.addClient("", map[string]any{"authorized_grant_types": []string{"authorization_code"}, "scope": []string{uaa.ScopeManage},
		"redirect_uri": []string{"https://app.example.com/back"}, "autoapprove": true})
	authorize := func(redirect string) answer {
		query := url.Values{"response_type": {"code"}, "client_id": {id}, "redirect_uri": {redirect}, "state": {"s"}}
		return b.call(http.MethodGet, "/oauth/authorize?"+query.Encode(), "", nil, "Accept", "text/html")
	}
	for _, redirect := range []string{"https://evil.example.com/back", "https://app.example.com.evil.example.com/back", "https://app.example.com/back/../../x"} {
		if a := authorize(redirect); strings.HasPrefix(a.header.Get("Location"), redirect) || (a.status == http.StatusFound && !strings.Contains(a.header.Get("Location"), "/login")) {
			b.t.Errorf("redirect %s: status %d to %q", redirect, a.status, a.header.Get("Location"))
		}
	}
	if a := authorize("https://app.example.com/back"); a.status != http.StatusFound || !strings.Contains(a.header.Get("Location"), "/login") {
		b.t.Errorf("without a session the status is %d to %q", a.status, a.header.Get("Location"))
	}
	b.want(b.form("/oauth/token", id, "", url.Values{"grant_type": {"authorization_code"}, "code": {"wrong"}, "redirect_uri": {"https://app.example.com/back"}}), http.StatusBadRequest, "invalid_grant")
}
