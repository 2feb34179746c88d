package uaa_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/uaa/uaatest"
)

// operator makes management calls as the client admin.
type operator struct {
	t      *testing.T
	target uaatest.Target
	token  string
}

func newOperator(t *testing.T, target uaatest.Target) operator {
	t.Helper()
	tokens, err := newClient(t, target, "admin", adminSecret).ClientCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return operator{t, target, tokens.Access.Reveal()}
}

func (o operator) call(method, path string, body any, headers ...string) (int, string) {
	o.t.Helper()
	content := ""
	switch b := body.(type) {
	case nil:
	case string:
		content = b
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			o.t.Fatal(err)
		}
		content = string(encoded)
	}
	return ask(o.t, o.target, method, path, content, append(headers, "Authorization", "Bearer "+o.token, "Content-Type", "application/json")...)
}

// want makes a call and fails the test unless status and a part of the body are
// as expected; it returns the body.
func (o operator) want(status int, part, method, path string, body any, headers ...string) string {
	o.t.Helper()
	got, text := o.call(method, path, body, headers...)
	if got != status || !strings.Contains(text, part) {
		o.t.Fatalf("%s %s: status %d, body %s; want %d %s", method, path, got, text, status, part)
	}
	return text
}

func (o operator) idOf(path, attribute, name string) string {
	o.t.Helper()
	text := o.want(http.StatusOK, "", http.MethodGet, path+"?filter="+url.QueryEscape(attribute+` eq "`+name+`"`), nil)
	var list struct {
		Resources []struct{ ID string } `json:"resources"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Resources) != 1 {
		o.t.Fatalf("%s %s: %s", path, name, text)
	}
	return list.Resources[0].ID
}

func TestRevocationOfAPairLeavesOtherClientsAlone(t *testing.T) {
	t.Parallel()
	_, target := start(t, func(c *uaa.Config) {
		c.Clients = append(c.Clients, uaa.Client{ID: "second_cli", GrantTypes: []string{"password"}, Scopes: []string{"pks.clusters.admin"}})
	})
	o := newOperator(t, target)
	id := o.idOf("/Users", "userName", "alana")
	check := func(token string) int {
		status, _ := ask(t, target, "POST", "/check_token", url.Values{"token": {token}}.Encode(), "Content-Type", "application/x-www-form-urlencoded",
			"Authorization", "Basic cGtzX2NsaWVudDpwa3MtY2xpZW50LXNlY3JldA==")
		return status
	}
	var tokens []string
	for _, name := range []string{"pks_cli", "second_cli"} {
		answer, err := newClient(t, target, name, "").Password(t.Context(), "alana", "alana-password")
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, answer.Access.Reveal())
	}
	o.want(200, "", http.MethodGet, "/oauth/token/revoke/user/"+id+"/client/pks_cli", nil)
	if first, second := check(tokens[0]), check(tokens[1]); first != 400 || second != 200 {
		t.Errorf("after the revocation the statuses are %d and %d", first, second)
	}
	again, err := newClient(t, target, "pks_cli", "").Password(t.Context(), "alana", "alana-password")
	if err != nil || check(again.Access.Reveal()) != 200 {
		t.Errorf("a new token of the pair is refused; error %v", err)
	}
	o.want(404, "", http.MethodGet, "/oauth/token/revoke/user/nobody/client/pks_cli", nil)
	o.want(404, "", http.MethodGet, "/oauth/token/revoke/user/"+id+"/client/nobody", nil)
}

func TestTokensAreListed(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	o := newOperator(t, target)
	id := o.idOf("/Users", "userName", "alana")
	_, body := ask(t, target, "POST", "/oauth/token", "grant_type=password&client_id=pks_cli&client_secret=&username=alana&password=alana-password&token_format=opaque",
		"Content-Type", "application/x-www-form-urlencoded")
	var login struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &login); err != nil {
		t.Fatal(err)
	}
	o.want(200, login.Token, http.MethodGet, "/oauth/token/list/user/"+id, nil)
	o.want(200, login.Token, http.MethodGet, "/oauth/token/list/client/pks_cli", nil)
	o.want(200, "[]", http.MethodGet, "/oauth/token/list", nil)
	alana := operator{t, target, login.Token}
	alana.want(200, login.Token, http.MethodGet, "/oauth/token/list", nil)
	alana.want(200, login.Token, http.MethodGet, "/oauth/token/list/user/"+id, nil)
	alana.want(403, "insufficient_scope", http.MethodGet, "/oauth/token/list/client/pks_cli", nil)
	alana.want(403, "insufficient_scope", http.MethodGet, "/oauth/token/list/user/other", nil)
	alana.want(403, "insufficient_scope", http.MethodGet, "/oauth/token/revoke/client/pks_cli", nil)
	alana.want(404, "not_found", http.MethodDelete, "/oauth/token/revoke/other", nil)
}

func TestGroupsArePatched(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	o := newOperator(t, target)
	group, user := o.idOf("/Groups", "displayName", "pks.clusters.admin"), o.idOf("/Users", "userName", "alana")
	o.want(400, "Missing If-Match", http.MethodPatch, "/Groups/"+group, `{}`)
	o.want(200, user, http.MethodPatch, "/Groups/"+group, `{"description":"changed"}`, "If-Match", "*")
	o.want(200, `"members":[]`, http.MethodPatch, "/Groups/"+group, `{"members":[{"value":"`+user+`","operation":"delete"}]}`, "If-Match", "*")
	o.want(200, user, http.MethodPatch, "/Groups/"+group, `{"members":[{"value":"`+user+`"}]}`, "If-Match", "*")
	o.want(200, `"userName":"alana"`, http.MethodGet, "/Groups/"+group+"/members?returnEntities=true", nil)
	o.want(400, "Invalid group member", http.MethodPatch, "/Groups/"+group, `{"members":[{"value":"nobody"}]}`, "If-Match", "*")
	o.want(400, "Invalid group member", http.MethodPost, "/Groups/"+group+"/members", map[string]string{"type": "GROUP", "value": group})
	o.want(409, "already exists", http.MethodPatch, "/Groups/"+group, `{"displayName":"pks.clusters.manage"}`, "If-Match", "*")
	o.want(200, `"totalResults":1`, http.MethodGet, "/Groups?filter="+url.QueryEscape(`description eq "changed" and meta.version gt 0`)+"&sortBy=description", nil)
}

func TestExternalGroupsByName(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	o := newOperator(t, target)
	mapping := map[string]string{"displayName": "pks.clusters.manage", "externalGroup": "cn=a/b,ou=x"}
	o.want(201, `"origin":"ldap"`, http.MethodPost, "/Groups/External", mapping)
	o.want(409, "exists", http.MethodPost, "/Groups/External", mapping)
	o.want(404, "", http.MethodPost, "/Groups/External", map[string]string{"displayName": "none", "externalGroup": "x"})
	o.want(400, "", http.MethodPost, "/Groups/External", map[string]string{"displayName": "none"})
	o.want(200, `"totalResults":1`, http.MethodGet, "/Groups/External?filter="+url.QueryEscape(`displayName eq "pks.clusters.manage" and origin eq "ldap"`), nil)
	o.want(200, "cn=a/b", http.MethodDelete, "/Groups/External/displayName/pks.clusters.manage/externalGroup/"+url.PathEscape("cn=a/b,ou=x")+"/origin/ldap", nil)
	o.want(200, `"totalResults":0`, http.MethodGet, "/Groups/External", nil)
}

func TestUsersArePatched(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	o := newOperator(t, target)
	id := o.idOf("/Users", "userName", "alana")
	path := "/Users/" + id
	text := o.want(200, "new@example.com", http.MethodPatch, path, `{"emails":[{"value":"new@example.com"}],"name":{"givenName":"Alana"}}`, "If-Match", "*")
	if strings.Contains(text, "alana@localhost") || !strings.Contains(text, `"givenName":"Alana"`) {
		t.Errorf("user is %s", text)
	}
	o.want(400, "origin", http.MethodPatch, path, `{"origin":"ldap"}`, "If-Match", "*")
	o.want(400, "Invalid email", http.MethodPatch, path, `{"emails":[{"value":"x"}]}`, "If-Match", "*")
	o.want(400, "not JSON", http.MethodPatch, path, `{"emails":7}`, "If-Match", "*")
	o.want(400, "not JSON", http.MethodPatch, path, `{`, "If-Match", "*")
	o.want(400, "version", http.MethodPatch, path, `{}`, "If-Match", "x")
	o.want(404, "scim_resource_not_found", http.MethodPatch, "/Users/nobody", `{}`, "If-Match", "*")
	o.want(400, "cannot be removed", http.MethodPatch, path+"/status", `{"passwordChangeRequired":false}`)
	o.want(400, "locked", http.MethodPatch, path+"/status", `{"locked":true}`)
	o.want(200, "true", http.MethodPatch, path+"/status", `{"passwordChangeRequired":true}`)
	if _, err := newClient(t, target, "pks_cli", "").Password(t.Context(), "alana", "alana-password"); err == nil || !strings.Contains(err.Error(), "reset your password") {
		t.Errorf("a user who must change the password gets %v", err)
	}
	o.want(422, "255", http.MethodPut, path+"/password", map[string]string{"password": strings.Repeat("x", 256)})
	o.want(400, "invalid_password", http.MethodPut, path+"/password", map[string]string{"password": ""})
	o.want(200, "updated", http.MethodPut, path+"/password", map[string]string{"password": strings.Repeat("x", 255)})
	if _, err := newClient(t, target, "pks_cli", "").Password(t.Context(), "alana", "x"); err == nil {
		t.Error("a prefix of a long password works")
	}
	o.want(403, "insufficient_scope", http.MethodGet, "/ids/Users?filter=id+pr", nil)
	for filter, found := range map[string]string{
		`emails.value eq "new@example.com" and name.givenName eq "alana"`: "1",
		`verified eq false`: "0",
		`phoneNumbers.value pr or external_id pr or familyName pr`:                              "0",
		`meta.version ge 1 and origin eq "uaa" and created gt "2000-01-01" and lastModified pr`: "1",
	} {
		o.want(200, `"totalResults":`+found, http.MethodGet, "/Users?filter="+url.QueryEscape(filter), nil)
	}
	o.want(400, "sort", http.MethodGet, "/Users?sortBy=nonsense", nil)
	o.want(400, "number", http.MethodGet, "/Users?count=x", nil)
	o.want(200, `"itemsPerPage":500`, http.MethodGet, "/Users?count=100000", nil)
	o.want(200, `"resources":[]`, http.MethodGet, "/Users?startIndex=100", nil)
}

func TestShadowUsersHaveNoPassword(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	o := newOperator(t, target)
	user := map[string]any{"userName": "alana", "origin": "ldap", "emails": []map[string]string{{"value": "alana@example.com"}}}
	text := o.want(201, `"origin":"ldap"`, http.MethodPost, "/Users", user)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	o.want(400, "invalid_password", http.MethodPut, "/Users/"+made.ID+"/password", map[string]string{"password": "x"})
	user["password"] = "x"
	o.want(400, "password", http.MethodPost, "/Users", user)
}

func TestClientListsMayBeTexts(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	o := newOperator(t, target)
	o.want(201, `"scope":["openid","roles"]`, http.MethodPost, "/oauth/clients",
		`{"client_id":"texts","client_secret":"","authorized_grant_types":"password,refresh_token","scope":"openid,roles","autoapprove":["openid"]}`)
	o.want(400, "invalid_client", http.MethodPost, "/oauth/clients", `{"client_id":7}`)
	o.want(400, "invalid_client", http.MethodPost, "/oauth/clients", `nonsense`)
	o.want(400, "redirect", http.MethodPost, "/oauth/clients", `{"client_id":"x","client_secret":"y","authorized_grant_types":["authorization_code"]}`)
	o.want(400, "redirect_uri", http.MethodPost, "/oauth/clients", `{"client_id":"x","client_secret":"y","authorized_grant_types":["authorization_code"],"redirect_uri":["nowhere"]}`)
	o.want(200, `"totalResults":1`, http.MethodGet, "/oauth/clients?filter="+url.QueryEscape(`scope co "roles" and authorized_grant_types co "password" and client_id sw "te"`), nil)
	o.want(404, "", http.MethodPut, "/oauth/clients/nobody", `{"authorized_grant_types":["password"]}`)
	o.want(404, "", http.MethodDelete, "/oauth/clients/nobody", nil)
	o.want(400, "changed", http.MethodPut, "/oauth/clients/texts", `{"client_id":"other","authorized_grant_types":["password"]}`)
	o.want(400, "changeMode", http.MethodPut, "/oauth/clients/texts/secret", `{"secret":"x","changeMode":"TURN"}`)
}
