package api

import "net/http"

// subject is what a route works on; the server finds it, and checks that the
// caller may reach it, before the handler runs.
type subject int

const (
	noSubject subject = iota
	oneCluster
)

// extent is how much of a resource a scope lets its holder reach.
type extent int

const (
	nothing extent = iota
	own
	all
)

// rights are the extents of the three scopes on one route
// (reference/pks-api.md §4, pks-product.md §4). A token with several scopes has
// the widest. Public routes need no token.
type rights struct {
	public              bool
	admin, manage, read extent
}

// bodyRule says what a route makes of a request's body.
type bodyRule int

const (
	bodyIgnored bodyRule = iota // clients send all kinds of things; none matters
	bodyJSON
)

// route is one line of the authorisation table.
type route struct {
	method, path string
	rights       rights
	on           subject
	body         bodyRule
	handle       handler
}

// routes is the whole API. Nothing is served that is not in this table.
func (s *Server) routes() []route {
	var (
		public     = rights{public: true}
		readers    = rights{admin: all, manage: own, read: all}
		changers   = rights{admin: all, manage: own}
		supporters = rights{admin: all, read: all}
	)
	return []route{
		{"GET", "/v1/clusters", readers, noSubject, bodyIgnored, s.listClusters},
		{"POST", "/v1/clusters", changers, noSubject, bodyJSON, s.createCluster},
		{"GET", "/v1/clusters/{cluster}", readers, oneCluster, bodyIgnored, s.getCluster},
		{"PATCH", "/v1/clusters/{cluster}", changers, oneCluster, bodyJSON, s.updateCluster},
		{"DELETE", "/v1/clusters/{cluster}", changers, oneCluster, bodyIgnored, s.deleteCluster},
		{"GET", "/v1/clusterdetails/{cluster}", readers, oneCluster, bodyIgnored, s.getClusterDetails},
		{"GET", "/v1/clusters/{cluster}/events", readers, oneCluster, bodyIgnored, s.listEvents},
		{"POST", "/v1/clusters/{cluster}/binds", changers, oneCluster, bodyIgnored, s.createBinding},
		{"GET", bindingPath, changers, oneCluster, bodyIgnored, s.getBinding},
		{"GET", "/v1/plans", readers, noSubject, bodyIgnored, s.listPlans},
		{"GET", "/service_instances", supporters, noSubject, bodyIgnored, s.listServiceInstances},
		{"GET", "/actuator/health", public, noSubject, bodyIgnored, s.health},
		{"GET", "/actuator/info", public, noSubject, bodyIgnored, s.info},
		{"GET", "/openapi.json", public, noSubject, bodyIgnored, s.openAPI},
	}
}

// methods are the HTTP methods that reach the route: what can be got can be
// asked for its headers.
func (r route) methods() []string {
	if r.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.method}
}
