package uaatest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

func users(b *bench) {
	user := b.addUser(uaa.ScopeManage)
	got := b.want(b.call(http.MethodGet, "/Users/"+user.id, b.admin, nil), http.StatusOK)
	if got.string("userName") != user.name || got.string("origin") != "uaa" || got.body["active"] != true || got.body["password"] != nil {
		b.t.Errorf("user is %s", got.text)
	}
	memberOf := []string{}
	list, _ := got.body["groups"].([]any)
	for _, g := range list {
		name, _ := g.(map[string]any)["display"].(string)
		memberOf = append(memberOf, name)
	}
	if !slices.Contains(memberOf, uaa.ScopeManage) || !slices.Contains(memberOf, "openid") {
		b.t.Errorf("groups are %v", memberOf)
	}
	again := map[string]any{"userName": strings.ToUpper(user.name), "password": "x12345678", "emails": []map[string]string{{"value": "a@example.com"}}}
	b.want(b.call(http.MethodPost, "/Users", b.admin, again), http.StatusConflict, "scim_resource_already_exists")
	b.want(b.call(http.MethodPost, "/Users", b.admin, map[string]any{"userName": unique("u"), "password": "x12345678"}), http.StatusBadRequest, "invalid_scim_resource")
	b.want(b.call(http.MethodPost, "/Users", b.admin, map[string]any{"userName": unique("u"), "password": "x12345678", "emails": []map[string]string{{"value": "nonsense"}}}), http.StatusBadRequest, "invalid_scim_resource")
	missing := b.want(b.call(http.MethodGet, "/Users/no-such-id", b.admin, nil), http.StatusNotFound, "scim_resource_not_found")
	if missing.string("message") == "" {
		b.t.Errorf("error is %s", missing.text)
	}
	b.want(b.call(http.MethodDelete, "/Users/"+user.id, b.admin, nil), http.StatusOK)
	b.want(b.call(http.MethodGet, "/Users/"+user.id, b.admin, nil), http.StatusNotFound)
	if members := b.members(b.groupID(uaa.ScopeManage)); slices.Contains(members, user.id) {
		b.t.Error("the deleted user is still a member")
	}
}

func userVersions(b *bench) {
	user := b.addUser()
	body := map[string]any{"userName": user.name, "emails": []map[string]any{{"value": "new@example.com", "primary": true}}, "name": map[string]string{"givenName": "A", "familyName": "B"}}
	b.want(b.call(http.MethodPut, "/Users/"+user.id, b.admin, body), http.StatusBadRequest, "scim")
	changed := b.want(b.call(http.MethodPut, "/Users/"+user.id, b.admin, body, "If-Match", "0"), http.StatusOK)
	meta, _ := changed.body["meta"].(map[string]any)
	if meta["version"] != float64(1) {
		b.t.Errorf("version after a change is %v", meta["version"])
	}
	b.want(b.call(http.MethodPut, "/Users/"+user.id, b.admin, body, "If-Match", "0"), http.StatusPreconditionFailed, "scim_resource_constraint_failed")
	b.want(b.call(http.MethodPut, "/Users/"+user.id, b.admin, body, "If-Match", "*"), http.StatusOK)
	b.want(b.call(http.MethodDelete, "/Users/"+user.id, b.admin, nil, "If-Match", "0"), http.StatusPreconditionFailed)
}

func userPasswords(b *bench) {
	user := b.addUser(uaa.ScopeManage)
	path := "/Users/" + user.id + "/password"
	b.want(b.call(http.MethodPut, path, b.admin, map[string]string{"password": user.password}), http.StatusUnprocessableEntity, "invalid_password")
	next := unique("next")
	b.want(b.call(http.MethodPut, path, b.admin, map[string]string{"password": next}), http.StatusOK)
	cli := b.client(b.cli(), "")
	if _, err := cli.Password(b.context(), user.name, pks.Secret(user.password)); err == nil {
		b.t.Error("the old password still works")
	}
	if _, err := cli.Password(b.context(), user.name, pks.Secret(next)); err != nil {
		b.t.Errorf("the new password does not work: %v", err)
	}
	self := b.addClient("", map[string]any{"authorized_grant_types": []string{"password"}, "scope": []string{"password.write"}, "autoapprove": true})
	tokens, err := b.client(self, "").Password(b.context(), user.name, pks.Secret(next))
	if err != nil {
		b.t.Fatal(err)
	}
	b.want(b.call(http.MethodPut, path, tokens.Access.Reveal(), map[string]string{"password": unique("x"), "oldPassword": "wrong"}), http.StatusUnauthorized)
	b.want(b.call(http.MethodPut, path, tokens.Access.Reveal(), map[string]string{"password": unique("x"), "oldPassword": next}), http.StatusOK)
}

func deactivated(b *bench) {
	user := b.addUser(uaa.ScopeManage)
	cli := b.client(b.cli(), "")
	tokens, err := cli.Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	patched := b.want(b.call(http.MethodPatch, "/Users/"+user.id, b.admin, map[string]any{"active": false}, "If-Match", "*"), http.StatusOK)
	if patched.body["active"] != false || patched.string("userName") != user.name {
		b.t.Errorf("user is %s", patched.text)
	}
	if _, err := cli.Password(b.context(), user.name, pks.Secret(user.password)); err == nil {
		b.t.Error("a deactivated user can log in")
	}
	if _, err := cli.Refresh(b.context(), tokens.Refresh); err == nil {
		b.t.Error("a deactivated user can refresh")
	}
}

func userFilters(b *bench) {
	prefix := unique("uaatest-page")
	var names []string
	for i := range 5 {
		name := fmt.Sprintf("%s-%d", prefix, i)
		names = append(names, name)
		a := b.want(b.call(http.MethodPost, "/Users", b.admin, map[string]any{"userName": name, "password": "x12345678",
			"emails": []map[string]string{{"value": name + "@example.com"}}}), http.StatusCreated)
		b.t.Cleanup(func() { b.call(http.MethodDelete, "/Users/"+a.string("id"), b.admin, nil) })
	}
	find := func(filter string, more ...string) answer {
		query := url.Values{"filter": {filter}, "sortBy": {"userName"}}
		for i := 0; i < len(more); i += 2 {
			query.Set(more[i], more[i+1])
		}
		return b.call(http.MethodGet, "/Users?"+query.Encode(), b.admin, nil)
	}
	var found []string
	for start := 1; start <= 5; start += 2 {
		a := b.want(find(`userName sw "`+prefix+`"`, "count", "2", "startIndex", strconv.Itoa(start)), http.StatusOK)
		if a.body["totalResults"] != float64(5) || a.body["startIndex"] != float64(start) {
			b.t.Fatalf("page is %s", a.text)
		}
		found = append(found, userNames(a)...)
	}
	if diff := cmp.Diff(names, found); diff != "" {
		b.t.Errorf("pages differ (-want +got):\n%s", diff)
	}
	for filter, want := range map[string][]string{
		`userName eq "` + strings.ToUpper(names[2]) + `"`:                                       {names[2]},
		`username EQ "` + names[2] + `" and origin eq "uaa"`:                                    {names[2]},
		`userName eq "` + names[0] + `" or (userName eq "` + names[3] + `" and active eq true)`: {names[0], names[3]},
		`userName sw "` + prefix + `" and active eq false`:                                      nil,
		`emails.value co "` + names[4] + `"`:                                                    {names[4]},
		`userName eq "` + names[0] + `\" or userName pr or userName eq \"x"`:                    nil,
		`userName sw "` + prefix + `" and id pr and userName gt "` + names[3] + `"`:             {names[4]},
	} {
		a := b.want(find(filter), http.StatusOK)
		if diff := cmp.Diff(want, userNames(a)); diff != "" {
			b.t.Errorf("filter %s differs (-want +got):\n%s", filter, diff)
		}
	}
	for _, filter := range []string{`nonsense eq "x"`, `userName ne "x"`, `userName eq`, `userName eq "x`, `(userName pr`, `not userName pr`} {
		b.want(find(filter), http.StatusBadRequest, "scim")
	}
	picked := b.want(find(`userName eq "`+names[0]+`"`, "attributes", "id,userName,origin"), http.StatusOK)
	if strings.Contains(picked.text, "emails") || !strings.Contains(picked.text, names[0]) {
		b.t.Errorf("picked attributes are %s", picked.text)
	}
	down := b.want(find(`userName sw "`+prefix+`"`, "sortOrder", "descending"), http.StatusOK)
	slices.Reverse(names)
	if diff := cmp.Diff(names, userNames(down)); diff != "" {
		b.t.Errorf("descending order differs (-want +got):\n%s", diff)
	}
}

func userNames(a answer) []string {
	var names []string
	resources, _ := a.body["resources"].([]any)
	for _, r := range resources {
		name, _ := r.(map[string]any)["userName"].(string)
		names = append(names, name)
	}
	return names
}

// members lists the ids of a group's members.
func (b *bench) members(group string) []string {
	b.t.Helper()
	a := b.want(b.call(http.MethodGet, "/Groups/"+group, b.admin, nil), http.StatusOK)
	var ids []string
	list, _ := a.body["members"].([]any)
	for _, m := range list {
		id, _ := m.(map[string]any)["value"].(string)
		ids = append(ids, id)
	}
	return ids
}

// addGroup makes a group and deletes it in the end.
func (b *bench) addGroup() (id, name string) {
	b.t.Helper()
	name = unique("uaatest.group")
	id = b.want(b.call(http.MethodPost, "/Groups", b.admin, map[string]any{"displayName": name, "description": "for a test"}), http.StatusCreated).string("id")
	b.t.Cleanup(func() { b.call(http.MethodDelete, "/Groups/"+id, b.admin, nil) })
	return id, name
}

func groups(b *bench) {
	id, name := b.addGroup()
	user := b.addUser()
	b.want(b.call(http.MethodPost, "/Groups", b.admin, map[string]any{"displayName": name}), http.StatusConflict, "scim_resource_already_exists")
	member := map[string]string{"origin": "uaa", "type": "USER", "value": user.id}
	b.want(b.call(http.MethodGet, "/Groups/"+id+"/members/"+user.id, b.admin, nil), http.StatusNotFound)
	b.want(b.call(http.MethodPost, "/Groups/"+id+"/members", b.admin, member), http.StatusCreated)
	b.want(b.call(http.MethodPost, "/Groups/"+id+"/members", b.admin, member), http.StatusConflict, "member_already_exists")
	b.want(b.call(http.MethodGet, "/Groups/"+id+"/members/"+user.id, b.admin, nil), http.StatusOK)
	if list := b.want(b.call(http.MethodGet, "/Groups/"+id+"/members", b.admin, nil), http.StatusOK); !strings.Contains(list.text, user.id) {
		b.t.Errorf("members are %s", list.text)
	}
	b.want(b.call(http.MethodDelete, "/Groups/"+id+"/members/"+user.id, b.admin, nil), http.StatusOK)
	b.want(b.call(http.MethodDelete, "/Groups/"+id+"/members/"+user.id, b.admin, nil), http.StatusNotFound)
	b.want(b.call(http.MethodGet, "/Groups/no-such-group", b.admin, nil), http.StatusNotFound, "scim_resource_not_found")
	b.want(b.call(http.MethodDelete, "/Groups/"+id, b.admin, nil), http.StatusOK)
}

// groupMembersByPut is how uaac adds members: the second of two that run at the
// same moment must hear of it (reference/uaa.md §15.1).
func groupMembersByPut(b *bench) {
	id, name := b.addGroup()
	people := []person{b.addUser(), b.addUser()}
	put := func(p person) answer {
		body := map[string]any{"displayName": name, "members": []map[string]string{{"origin": "uaa", "type": "USER", "value": p.id}}}
		return b.call(http.MethodPut, "/Groups/"+id, b.admin, body, "If-Match", "0")
	}
	statuses := make([]int, len(people))
	var work sync.WaitGroup
	for i, p := range people {
		work.Go(func() { statuses[i] = put(p).status })
	}
	work.Wait()
	slices.Sort(statuses)
	if diff := cmp.Diff([]int{http.StatusOK, http.StatusPreconditionFailed}, statuses); diff != "" {
		b.t.Errorf("statuses differ (-want +got):\n%s", diff)
	}
	if members := b.members(id); len(members) != 1 {
		b.t.Errorf("members are %v", members)
	}
}

func nestedGroups(b *bench) {
	team, _ := b.addGroup()
	scope, name := b.addGroup()
	user := b.addUser()
	b.want(b.call(http.MethodPost, "/Groups/"+team+"/members", b.admin, map[string]string{"origin": "uaa", "type": "USER", "value": user.id}), http.StatusCreated)
	b.want(b.call(http.MethodPost, "/Groups/"+scope+"/members", b.admin, map[string]string{"origin": "uaa", "type": "GROUP", "value": team}), http.StatusCreated)
	id := b.addClient("", map[string]any{"authorized_grant_types": []string{"password"}, "scope": []string{name}, "autoapprove": true})
	tokens, err := b.client(id, "").Password(b.context(), user.name, pks.Secret(user.password))
	if err != nil {
		b.t.Fatal(err)
	}
	if diff := cmp.Diff([]string{name}, tokens.Scopes); diff != "" {
		b.t.Errorf("scopes differ (-want +got):\n%s", diff)
	}
}

func externalGroups(b *bench) {
	id, name := b.addGroup()
	external := "cn=" + unique("ops") + ",ou=groups,dc=example,dc=com"
	mapping := map[string]any{"displayName": name, "externalGroup": external, "origin": "ldap", "schemas": []string{"urn:scim:schemas:core:1.0"}}
	created := b.want(b.call(http.MethodPost, "/Groups/External", b.admin, mapping), http.StatusCreated)
	if created.string("groupId") != id {
		b.t.Errorf("mapping is %s", created.text)
	}
	list := b.want(b.call(http.MethodGet, "/Groups/External?count=500&externalGroup="+url.QueryEscape(external)+"&origin=ldap", b.admin, nil), http.StatusOK)
	if !strings.Contains(list.text, external) {
		b.t.Errorf("mappings are %s", list.text)
	}
	path := "/Groups/External/groupId/" + id + "/externalGroup/" + url.PathEscape(external) + "/origin/ldap"
	b.want(b.call(http.MethodDelete, path, b.admin, nil), http.StatusOK)
	b.want(b.call(http.MethodDelete, path, b.admin, nil), http.StatusNotFound)
}
