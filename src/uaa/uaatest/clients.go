package uaatest

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

func clients(b *bench) {
	id := b.addClient("s3cret", map[string]any{"authorized_grant_types": []string{"client_credentials"}, "authorities": []string{uaa.ScopeAdmin}})
	got := b.want(b.call(http.MethodGet, "/oauth/clients/"+id, b.admin, nil), http.StatusOK)
	for name, want := range map[string]any{"client_id": id, "authorities": []any{uaa.ScopeAdmin}, "scope": []any{"uaa.none"},
		"resource_ids": []any{"none"}, "authorized_grant_types": []any{"client_credentials"}, "client_secret": nil} {
		if diff := cmp.Diff(want, got.body[name]); diff != "" {
			b.t.Errorf("member %s differs (-want +got):\n%s", name, diff)
		}
	}
	b.want(b.call(http.MethodPost, "/oauth/clients", b.admin, map[string]any{"client_id": id, "client_secret": "x", "authorized_grant_types": []string{"client_credentials"}, "authorities": []string{"uaa.none"}}), http.StatusConflict, "invalid_client")
	b.want(b.call(http.MethodPost, "/oauth/clients", b.admin, map[string]any{"client_id": unique("c"), "client_secret": "x"}), http.StatusBadRequest, "invalid_client")
	b.want(b.call(http.MethodPost, "/oauth/clients", b.admin, map[string]any{"client_id": unique("c"), "client_secret": "", "authorized_grant_types": []string{"client_credentials"}}), http.StatusBadRequest, "invalid_client")
	b.want(b.call(http.MethodPost, "/oauth/clients", b.admin, map[string]any{"client_id": unique("c"), "client_secret": "x", "authorized_grant_types": []string{"nonsense"}}), http.StatusBadRequest, "invalid_client")

	changed := map[string]any{"client_id": id, "client_secret": "ignored", "authorized_grant_types": []string{"client_credentials"}, "authorities": []string{uaa.ScopeManage}, "scope": []string{"uaa.none"}}
	b.want(b.call(http.MethodPut, "/oauth/clients/"+id, b.admin, changed), http.StatusOK)
	tokens, err := b.client(id, "s3cret").ClientCredentials(b.context())
	if err != nil {
		b.t.Fatalf("the secret changed with the client: %v", err)
	}
	if diff := cmp.Diff([]string{uaa.ScopeManage}, tokens.Scopes); diff != "" {
		b.t.Errorf("scopes differ (-want +got):\n%s", diff)
	}
	list := b.want(b.call(http.MethodGet, "/oauth/clients?filter="+url.QueryEscape(`client_id eq "`+id+`"`), b.admin, nil), http.StatusOK)
	if list.body["totalResults"] != float64(1) || !strings.Contains(list.text, id) {
		b.t.Errorf("list is %s", list.text)
	}
	b.want(b.call(http.MethodDelete, "/oauth/clients/"+id, b.admin, nil), http.StatusOK)
	b.want(b.call(http.MethodGet, "/oauth/clients/"+id, b.admin, nil), http.StatusNotFound)
	if _, err := b.client(id, "s3cret").ClientCredentials(b.context()); err == nil {
		b.t.Error("a deleted client can log in")
	}
}

func secretRotation(b *bench) {
	id := b.addClient("first", map[string]any{"authorized_grant_types": []string{"client_credentials"}, "authorities": []string{uaa.ScopeAdmin}})
	change := func(mode, secret string) answer {
		return b.call(http.MethodPut, "/oauth/clients/"+id+"/secret", b.admin, map[string]string{"clientId": id, "secret": secret, "changeMode": mode})
	}
	works := func(secret string) bool {
		_, err := b.client(id, pks.Secret(secret)).ClientCredentials(b.context())
		return err == nil
	}
	b.want(change("ADD", "second"), http.StatusOK)
	if !works("first") || !works("second") {
		b.t.Error("after ADD both secrets should work")
	}
	b.want(change("ADD", "third"), http.StatusBadRequest, "invalid_client")
	b.want(change("DELETE", ""), http.StatusOK)
	if works("first") || !works("second") {
		b.t.Error("after DELETE only the newer secret should work")
	}
	b.want(change("UPDATE", "fourth"), http.StatusOK)
	if works("second") || !works("fourth") {
		b.t.Error("after UPDATE only the new secret should work")
	}
}

func managementNeedsScopes(b *bench) {
	user := b.addUser(uaa.ScopeAdmin)
	tokens, err := b.client(b.cli(), "").Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, path := range []string{"/Users", "/Groups", "/oauth/clients", "/Groups/External"} {
		b.want(b.call(http.MethodGet, path, "", nil), http.StatusUnauthorized, "unauthorized")
		b.want(b.call(http.MethodGet, path, "rubbish", nil), http.StatusUnauthorized, "invalid_token")
		b.want(b.call(http.MethodGet, path, tokens.Access.Reveal(), nil), http.StatusForbidden, "insufficient_scope", "access_denied")
	}
	b.want(b.call(http.MethodGet, "/Users", tokens.Refresh.Reveal(), nil), http.StatusUnauthorized, "invalid_token")
	b.want(b.call(http.MethodGet, "/Users/"+user.id, tokens.Access.Reveal(), nil), http.StatusOK)
	secret := unique("s")
	writer := b.addClient(secret, map[string]any{"authorized_grant_types": []string{"client_credentials"}, "authorities": []string{"clients.write", "clients.read"}})
	limited, err := b.client(writer, pks.Secret(secret)).ClientCredentials(b.context())
	if err != nil {
		b.t.Fatal(err)
	}
	grab := map[string]any{"client_id": unique("c"), "client_secret": "x", "authorized_grant_types": []string{"client_credentials"}, "authorities": []string{"uaa.admin"}}
	b.want(b.call(http.MethodPost, "/oauth/clients", limited.Access.Reveal(), grab), http.StatusBadRequest, "invalid_client")
}
