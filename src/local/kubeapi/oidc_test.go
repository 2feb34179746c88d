package kubeapi_test

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // what kubectl has built in
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	localuaa "github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/uaa"
)

// provider is a UAA with clients whose ID tokens are good for so long.
func provider(t *testing.T, validity time.Duration) (address string, ca []byte) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	t.Cleanup(server.Close)
	clients := localuaa.DefaultClients(localuaa.Secrets{Admin: "adm1n", PKSClient: "s3cret"})
	clients = append(clients, localuaa.Client{ID: "other", GrantTypes: []string{"password"}, Scopes: []string{"openid"}})
	for i := range clients {
		clients[i].AccessTokenValidity = validity
	}
	u, err := localuaa.New(localuaa.Config{
		Dir: filepath.Join(t.TempDir(), "uaa"), BaseURL: server.URL, Clients: clients,
		Users: []localuaa.User{{Name: "alana", Password: "pw"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	server.Config.Handler = u.Handler()
	return server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func tokensOf(t *testing.T, address string, ca []byte, client string) uaa.Tokens {
	t.Helper()
	c, err := uaa.NewClient(uaa.ClientConfig{Connection: uaa.Connection{URL: address, CA: ca}, ClientID: client})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tokens, err := c.Password(t.Context(), "alana", "pw")
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// withProvider starts the API server anew, with the flags of a cluster that people
// log in to.
func withProvider(t *testing.T, address string, ca []byte) *fixture {
	t.Helper()
	f := newFixture(t)
	properties := f.spec.Jobs[0].Properties
	properties["oidc"] = map[string]any{"ca": string(ca)}
	properties["k8s-args"] = map[string]any{
		"oidc-issuer-url": address + "/oauth/token", "oidc-client-id": "pks_cluster_client", "oidc-ca-file": "/var/vcap/jobs/kube-apiserver/config/oidc-ca.pem",
		"oidc-username-claim": "user_name", "oidc-username-prefix": "oidc:", "oidc-groups-claim": "roles", "oidc-groups-prefix": "oidc:",
	}
	if err := f.Start(t.Context(), f.spec); err != nil {
		t.Fatal(err)
	}
	return f
}

func whoAmI(t *testing.T, c *kubernetes.Clientset) (name string, groups []string, err error) {
	t.Helper()
	review, err := c.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", nil, err
	}
	return review.Status.UserInfo.Username, review.Status.UserInfo.Groups, nil
}

func TestPeopleAreWhoTheirIDTokenSays(t *testing.T) {
	t.Parallel()
	address, ca := provider(t, time.Hour)
	f := withProvider(t, address, ca)
	tokens := tokensOf(t, address, ca, "pks_cluster_client")
	name, groups, err := whoAmI(t, f.client(tokens.ID.Reveal()))
	if err != nil || name != "oidc:alana" || !slices.Contains(groups, "system:authenticated") {
		t.Errorf("%q %q %v", name, groups, err)
	}
	for kind, token := range map[string]string{
		"access token":            tokens.Access.Reveal(), // for other resources too, but pks_cluster_client is among its audiences
		"of another client":       tokensOf(t, address, ca, "other").ID.Reveal(),
		"with another signature":  tokens.ID.Reveal()[:len(tokens.ID)-8] + "AAAAAAAA",
		"of another installation": otherID(t),
	} {
		_, _, err := whoAmI(t, f.client(token))
		if kind == "access token" { // as with a real server, which looks at issuer, audience and time
			if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			continue
		}
		if !apierrors.IsUnauthorized(err) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	f.advance(2 * time.Hour)
	if _, _, err := whoAmI(t, f.client(tokens.ID.Reveal())); !apierrors.IsUnauthorized(err) {
		t.Errorf("expired: %v", err)
	}
	if _, _, err := whoAmI(t, f.client(adminToken)); err != nil {
		t.Errorf("others are harmed: %v", err)
	}
}

func otherID(t *testing.T) string {
	t.Helper()
	address, ca := provider(t, time.Hour)
	return tokensOf(t, address, ca, "pks_cluster_client").ID.Reveal()
}

// kubectl has the auth-provider "oidc" built in: it renews ID tokens with the
// refresh token of the kubeconfig, and stores both.
func TestKubectlRenewsIDTokens(t *testing.T) {
	t.Parallel()
	address, ca := provider(t, 5*time.Second) // over, as kubectl sees it, from the start
	f := withProvider(t, address, ca)
	tokens := tokensOf(t, address, ca, "pks_cluster_client")
	config := api.NewConfig()
	config.CurrentContext = "demo"
	config.Contexts["demo"] = &api.Context{Cluster: "demo", AuthInfo: "alana"}
	rest := f.config("")
	config.Clusters["demo"] = &api.Cluster{Server: rest.Host, CertificateAuthorityData: f.ca, TLSServerName: rest.ServerName}
	config.AuthInfos["alana"] = &api.AuthInfo{AuthProvider: &api.AuthProviderConfig{Name: "oidc", Config: map[string]string{
		"client-id": "pks_cluster_client", "client-secret": "", "cluster_client_secret": "", "idp-issuer-url": address + "/oauth/token",
		"idp-certificate-authority-data": base64.StdEncoding.EncodeToString(ca),
		"id-token":                       tokens.ID.Reveal(), "refresh-token": tokens.Refresh.Reveal(),
	}}}
	file := filepath.Join(t.TempDir(), "config")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	loading := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(&clientcmd.ClientConfigLoadingRules{ExplicitPath: file}, &clientcmd.ConfigOverrides{})
	set, err := loading.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	clients, err := kubernetes.NewForConfig(set)
	if err != nil {
		t.Fatal(err)
	}
	name, _, err := whoAmI(t, clients)
	if err != nil || name != "oidc:alana" {
		t.Fatalf("%q %v", name, err)
	}
	stored, err := clientcmd.LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	now := stored.AuthInfos["alana"].AuthProvider.Config
	if now["refresh-token"] == tokens.Refresh.Reveal() || now["id-token"] == tokens.ID.Reveal() {
		t.Error("the tokens are those of before")
	}
}

func TestHalfAProviderIsRefused(t *testing.T) {
	t.Parallel()
	for name, arguments := range map[string]map[string]any{
		"no client":  {"oidc-issuer-url": "https://uaa/oauth/token"},
		"no issuer":  {"oidc-client-id": "c"},
		"not https":  {"oidc-issuer-url": "http://uaa/oauth/token", "oidc-client-id": "c"},
		"CA is none": {"oidc-issuer-url": "https://uaa/oauth/token", "oidc-client-id": "c", "oidc-ca-file": "x"},
	} {
		f := newFixture(t)
		f.spec.Jobs[0].Properties["oidc"] = map[string]any{"ca": "none"}
		f.spec.Jobs[0].Properties["k8s-args"] = arguments
		if err := f.Start(t.Context(), f.spec); err == nil {
			t.Errorf("%s: %v", name, errors.New("it starts"))
		}
	}
}

// The flags' own defaults, as the documentation of Kubernetes has them.
func TestUserNamesAreTheIssuersUnlessAPrefixSaysOtherwise(t *testing.T) {
	t.Parallel()
	address, ca := provider(t, time.Hour)
	tokens := tokensOf(t, address, ca, "pks_cluster_client")
	got := map[string]string{}
	for prefix, claim := range map[string]string{"": "user_name", "-": "user_name", "x:": "email"} {
		f := withProvider(t, address, ca)
		arguments := f.spec.Jobs[0].Properties["k8s-args"].(map[string]any)
		delete(arguments, "oidc-username-prefix")
		if prefix != "" {
			arguments["oidc-username-prefix"] = prefix
		}
		arguments["oidc-username-claim"] = claim
		if err := f.Start(t.Context(), f.spec); err != nil {
			t.Fatal(err)
		}
		name, _, err := whoAmI(t, f.client(tokens.ID.Reveal()))
		if err != nil {
			t.Fatal(err)
		}
		got[prefix] = name
	}
	want := map[string]string{"": address + "/oauth/token#alana", "-": "alana", "x:": "x:alana@localhost"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
