package cli_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"
)

// introduce is UAA's client for clusters: it tells them who somebody is.
func (w *world) introduce(res http.ResponseWriter, req *http.Request) {
	if req.PostFormValue("username") != "alana" || req.PostFormValue("password") != "pa55 wörd" {
		oauthError(res, 401, "invalid_client", "Bad credentials")
		return
	}
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	id := part(`{"alg":"RS256"}`) + "." + part(fmt.Sprintf(`{"exp":%d,"user_name":"alana"}`, time.Now().Add(time.Hour).Unix())) + "." + part("s")
	writeJSON(res, 200, map[string]any{
		"access_token": "a", "id_token": id, "refresh_token": "r", "token_type": "bearer", "expires_in": 600, "scope": "openid", "jti": "j",
	})
}

// peopleKubeconfig is the answer for the cluster people, which alana logs in to.
func (w *world) peopleKubeconfig() any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "people",
		"contexts": []any{map[string]any{"name": "people", "context": map[string]string{"cluster": "people", "user": "alana"}}},
		"clusters": []any{map[string]any{"name": "people", "cluster": map[string]string{"server": "https://people.example.com:8443"}}},
		"users": []any{map[string]any{"name": "alana", "user": map[string]any{"auth-provider": map[string]any{"name": "oidc", "config": map[string]string{
			"client-id": "pks_cluster_client", "idp-issuer-url": w.uaa.URL + "/oauth/token", "id-token": "", "refresh-token": "",
		}}}}},
	}
}
