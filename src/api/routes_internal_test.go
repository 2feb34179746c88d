package api

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/pks-community/pks-release/src/uaa"
)

// The router serves exactly the lines of the table: a route that was added past
// it would have no rights.
func TestRouterServesTheTableAndNothingElse(t *testing.T) {
	t.Parallel()
	s := New(Config{})
	var served, listed []string
	err := s.mux.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			return err
		}
		for _, method := range methods {
			served = append(served, method+" "+path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range s.routes() {
		for _, method := range route.methods() {
			listed = append(listed, method+" "+route.path)
		}
	}
	if diff := cmp.Diff(listed, served); diff != "" {
		t.Error(diff)
	}
}

func TestEveryLineOfTheTableIsWhole(t *testing.T) {
	t.Parallel()
	for _, route := range New(Config{}).routes() {
		line := route.method + " " + route.path
		if route.handle == nil {
			t.Errorf("%s has no handler", line)
		}
		if scoped := route.rights.admin != nothing; scoped == route.rights.public {
			t.Errorf("%s must either be public or let administrators in", line)
		}
		if names := strings.Contains(route.path, "{cluster}"); names != (route.on == oneCluster) {
			t.Errorf("%s: the path names a cluster (%t), the line says otherwise", line, names)
		}
		if names := strings.Contains(route.path, "{task}"); names != (route.on == oneTask) {
			t.Errorf("%s: the path names a task (%t), the line says otherwise", line, names)
		}
		if route.on == oneTask && route.rights.manage == all {
			t.Errorf("%s lets pks.clusters.manage reach other people's tasks", line)
		}
		if route.on == oneCluster && route.rights.manage == all {
			t.Errorf("%s lets pks.clusters.manage reach other people's clusters", line)
		}
		if changes := route.method != http.MethodGet; changes && (route.rights.read != nothing || route.rights.public) {
			t.Errorf("%s changes something, yet readers may use it", line)
		}
		if changes := route.method != http.MethodGet; changes && !route.audited() {
			t.Errorf("%s changes something without an audit line", line)
		}
		if strings.Contains(route.path, "/binds") && (route.rights.read != nothing || !route.audited()) {
			t.Errorf("%s hands out credentials to readers, or without an audit line", line)
		}
	}
}

func TestOpenAPIDescribesTheTableAndNothingElse(t *testing.T) {
	t.Parallel()
	raw, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	document, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	var described, listed []string
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			public := operation.Security != nil && len(*operation.Security) == 0
			described = append(described, method+" "+path+access(public))
		}
	}
	for _, route := range New(Config{}).routes() {
		listed = append(listed, route.method+" "+route.path+access(route.rights.public))
	}
	slices.Sort(described)
	slices.Sort(listed)
	if diff := cmp.Diff(listed, described); diff != "" {
		t.Error(diff)
	}
}

func access(public bool) string {
	if public {
		return " public"
	}
	return ""
}

func TestRightsAreTheWidestOfAllScopes(t *testing.T) {
	t.Parallel()
	line := rights{admin: all, manage: own, read: nothing}
	for _, test := range []struct {
		scopes []string
		want   extent
	}{
		{nil, nothing},
		{[]string{"openid", "pks.clusters", "pks.clusters.admin.readonly", "PKS.CLUSTERS.ADMIN", " pks.clusters.admin"}, nothing},
		{[]string{uaa.ScopeAdminRead}, nothing},
		{[]string{uaa.ScopeManage}, own},
		{[]string{uaa.ScopeAdmin}, all},
		{[]string{uaa.ScopeManage, uaa.ScopeAdmin}, all},
		{[]string{uaa.ScopeAdminRead, uaa.ScopeManage}, own},
	} {
		if got := line.of(test.scopes); got != test.want {
			t.Errorf("%q reach %d, want %d", test.scopes, got, test.want)
		}
	}
}

func TestStraightPath(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"/": "/", "//": "/", "/v1/clusters": "/v1/clusters", "/v1/clusters/": "/v1/clusters", "//v1///clusters//": "/v1/clusters",
		"/v1/clusters/a%2Fb/": "/v1/clusters/a%2Fb", "": "",
	} {
		if got := straightPath(given); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
}

func TestAPIReferenceListsTheTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed, want []string
	for line := range strings.Lines(string(page)) {
		if route, rest, found := strings.Cut(strings.TrimPrefix(line, "| `"), "` |"); found && strings.Contains(route, " /") {
			cells := strings.Split(strings.Trim(strings.TrimSpace(rest), "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			listed = append(listed, strings.Join(append([]string{route}, cells[1:]...), ", "))
		}
	}
	for _, route := range New(Config{}).routes() {
		admin, manage, read := "public", "public", "public"
		if r := route.rights; !r.public {
			inWords := func(e extent) string {
				switch {
				case e == nothing:
					return "–"
				case route.on == noSubject && !(route.path == "/v1/clusters" && route.method == "GET"):
					return "yes"
				case e == own:
					return "own"
				default:
					return "all"
				}
			}
			admin, manage, read = inWords(r.admin), inWords(r.manage), inWords(r.read)
		}
		want = append(want, strings.Join([]string{route.method + " " + route.path, admin, manage, read}, ", "))
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Error(diff)
	}
}
