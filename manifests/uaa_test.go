package manifests_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/cli/browser"
	localuaa "github.com/pks-community/pks-release/src/local/uaa"
)

// propertiesOf are those of a job of the manifest, variables filled in.
func propertiesOf(t *testing.T, manifest map[string]any, name string) map[string]any {
	t.Helper()
	var found map[string]any
	eachJob(manifest, func(_ string, job map[string]any) {
		if job["name"] == name {
			found, _ = job["properties"].(map[string]any)
		}
	})
	if found == nil {
		t.Fatalf("there is no job %s with properties", name)
	}
	return found
}

func at(value any, path ...string) any {
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

func words(value any) []string {
	if text, ok := value.(string); ok && text != "" {
		return strings.Split(text, ",")
	}
	return nil
}

// The templates of the job uaa refuse clients that break these rules (reference/uaa.md §13.2).
func TestUAATakesTheClients(t *testing.T) {
	t.Parallel()
	clients, _ := at(propertiesOf(t, interpolate(t, site{name: "pks.yml"}), "uaa"), "uaa", "clients").(map[string]any)
	if len(clients) == 0 {
		t.Fatal("there are no clients")
	}
	for id, c := range clients {
		client, _ := c.(map[string]any)
		grants := words(client["authorized-grant-types"])
		if len(grants) == 0 {
			t.Errorf("%s has no authorized-grant-types", id)
		}
		if _, ok := client["secret"].(string); !ok {
			t.Errorf("%s has no secret, not even an empty one", id)
		}
		if slices.Contains(grants, "client_credentials") && len(words(client["authorities"])) == 0 {
			t.Errorf("%s has no authorities", id)
		}
		if !slices.Equal(grants, []string{"client_credentials"}) && len(words(client["scope"])) == 0 {
			t.Errorf("%s has no scope", id)
		}
		redirects := words(client["redirect-uri"])
		if slices.Contains(grants, "authorization_code") && len(redirects) == 0 {
			t.Errorf("%s has no redirect-uri", id)
		}
		for _, redirect := range redirects {
			if u, err := url.Parse(redirect); err != nil || u.Host == "" || u.Host != strings.ToLower(u.Host) {
				t.Errorf("%s: redirect-uri %q", id, redirect)
			}
		}
	}
}

// The installation has the clients and groups that the programs were tested with.
func TestUAAHasTheClientsOfTheEmbeddedOne(t *testing.T) {
	t.Parallel()
	properties := propertiesOf(t, interpolate(t, site{name: "pks.yml"}), "uaa")
	type client struct {
		Grants, Scopes, Authorities, Redirects []string
		AutoApprove                            bool
		Access, Refresh                        int
	}
	callbacks := browser.Redirects(browser.Ports()...)
	want, got := map[string]client{}, map[string]client{}
	for _, c := range localuaa.DefaultClients(localuaa.Secrets{}, callbacks...) {
		if c.ID == "admin" { // the job makes it from uaa.admin.client_secret
			continue
		}
		redirects := c.RedirectURIs
		if c.ID == "pks_cluster_client" { // for clients that take the code from the address bar
			redirects = append([]string{"https://api.pks.example.com:8443"}, redirects...)
		}
		want[c.ID] = client{
			c.GrantTypes, c.Scopes, c.Authorities, redirects, c.AutoApprove,
			int(c.AccessTokenValidity.Seconds()), int(c.RefreshTokenValidity.Seconds()),
		}
		given, _ := at(properties, "uaa", "clients", c.ID).(map[string]any)
		approve, _ := given["autoapprove"].(bool)
		access, _ := given["access-token-validity"].(int)
		refresh, _ := given["refresh-token-validity"].(int)
		authorities := slices.DeleteFunc(words(given["authorities"]), func(a string) bool { return a == "uaa.none" })
		if len(authorities) == 0 {
			authorities = nil
		}
		got[c.ID] = client{
			words(given["authorized-grant-types"]), words(given["scope"]), authorities, words(given["redirect-uri"]), approve, access, refresh,
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("clients (-embedded +manifest):\n%s", diff)
	}

	groups := map[string]any{}
	for _, g := range localuaa.DefaultGroups() {
		groups[g.Name] = g.Description
	}
	if diff := cmp.Diff(groups, at(properties, "uaa", "scim", "groups")); diff != "" {
		t.Errorf("groups (-embedded +manifest):\n%s", diff)
	}
	for _, errand := range []string{"upgrade-all-clusters", "delete-all-clusters", "smoke-tests"} {
		id := fmt.Sprint(ownJobs(t)[errand].Properties["uaa.client_id"].Default)
		secret, _ := at(properties, "uaa", "clients", id, "secret").(string)
		own, _ := at(propertiesOf(t, interpolate(t, site{name: "pks.yml"}), errand), "uaa", "client_secret").(string)
		if secret == "" || secret != own {
			t.Errorf("%s logs in as %s, and not with its secret", errand, id)
		}
	}
}
