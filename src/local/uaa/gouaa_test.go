package uaa_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"
	"testing"

	gouaa "github.com/cloudfoundry-community/go-uaa"
	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/uaa/uaatest"
)

func trusting(t testing.TB, target uaatest.Target) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(target.CA)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// TestPublicAdministrationClientWorks makes the calls of the uaa command line
// (reference/uaa.md §15.2) with the library it is made of.
func TestPublicAdministrationClientWorks(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	ca := gouaa.WithClient(trusting(t, target))
	api, err := gouaa.New(target.URL, gouaa.WithClientCredentials("admin", adminSecret, gouaa.JSONWebToken), ca)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	info, err := api.GetInfo()
	must(err)
	if info.ZoneName != "uaa" {
		t.Errorf("info is %+v", info)
	}
	yes := true
	user, err := api.CreateUser(gouaa.User{Username: "bob", Password: "bob-password", Origin: "uaa",
		Name: &gouaa.UserName{GivenName: "Bob", FamilyName: "Builder"}, Emails: []gouaa.Email{{Value: "bob@example.com", Primary: &yes}}})
	must(err)
	found, err := api.GetUserByUsername("bob", "uaa", "")
	must(err)
	if found.ID != user.ID {
		t.Errorf("found %+v", found)
	}
	group, err := api.GetGroupByName("pks.clusters.manage", "")
	must(err)
	must(api.AddGroupMember(group.ID, user.ID, "USER", "uaa"))
	must(api.MapGroup(group.ID, "cn=ops,ou=groups", "ldap"))
	mappings, err := api.ListAllGroupMappings("ldap")
	must(err)
	if len(mappings) != 1 || mappings[0].ExternalGroup != "cn=ops,ou=groups" {
		t.Errorf("mappings are %+v", mappings)
	}
	must(api.UnmapGroup(group.ID, "cn=ops,ou=groups", "ldap"))
	users, err := api.ListAllUsers("", "userName", "", gouaa.SortAscending)
	must(err)
	names := []string{}
	for _, u := range users {
		names = append(names, u.Username)
	}
	if diff := cmp.Diff([]string{"alana", "bob"}, names); diff != "" {
		t.Errorf("users differ (-want +got):\n%s", diff)
	}

	// Another person logs in with a password, then loses the membership.
	bob, err := gouaa.New(target.URL, gouaa.WithPasswordCredentials("pks_cli", "", "bob", "bob-password", gouaa.OpaqueToken), gouaa.WithClient(trusting(t, target)))
	must(err)
	if _, err := bob.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(api.RemoveGroupMember(group.ID, user.ID, "USER", "uaa"))
	bob, err = gouaa.New(target.URL, gouaa.WithPasswordCredentials("pks_cli", "", "bob", "bob-password", gouaa.OpaqueToken), gouaa.WithClient(trusting(t, target)))
	must(err)
	if _, err := bob.Token(t.Context()); err == nil {
		t.Error("a user in no product group got a token of pks_cli")
	}
	must(api.DeactivateUser(user.ID, 0))
	must(api.ActivateUser(user.ID, 1))
	if _, err := api.DeleteUser(user.ID); err != nil {
		t.Fatal(err)
	}

	client, err := api.CreateClient(gouaa.Client{ClientID: "ci-bot", ClientSecret: "s", AuthorizedGrantTypes: []string{"client_credentials"}, Authorities: []string{"pks.clusters.admin"}})
	must(err)
	must(api.ChangeClientSecret(client.ClientID, "t"))
	client.Authorities = []string{"pks.clusters.manage"}
	if _, err := api.UpdateClient(*client); err != nil {
		t.Fatal(err)
	}
	clients, err := api.ListAllClients("", "", "")
	must(err)
	if !slices.ContainsFunc(clients, func(c gouaa.Client) bool { return c.ClientID == "ci-bot" }) {
		t.Errorf("clients are %+v", clients)
	}
	keys, err := api.TokenKeys()
	must(err)
	if len(keys) != 1 || keys[0].Kid != "key-1" {
		t.Errorf("keys are %+v", keys)
	}
	if issuer, err := api.Issuer(); err != nil || issuer != target.URL+"/oauth/token" {
		t.Errorf("issuer is %q, error %v", issuer, err)
	}
	if healthy, err := api.IsHealthy(); err != nil || !healthy {
		t.Errorf("healthy is %t, error %v", healthy, err)
	}
}
