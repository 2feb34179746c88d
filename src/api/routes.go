package api

import (
	"net/http"

	"github.com/pks-community/pks-release/src/pks"
)

// subject is what a route works on; the server finds it, and checks that the
// caller may reach it, before the handler runs.
type subject int

const (
	noSubject subject = iota
	oneCluster
	oneTask
	oneNetworkProfile
	oneComputeProfile
	oneKubernetesProfile
	oneOwner
)

// extent is how much of a resource a scope lets its holder reach.
type extent int

const (
	nothing    extent = iota
	themselves        // what shows and gives no more than is every person's own
	own
	all
)

// rights are the extents of the three scopes on one route
// (reference/pks-api.md §4, pks-product.md §4). A token with several scopes has
// the widest. Public routes need no token. Routes for brokers are open to the
// login that was made for them as well; routes for people to everybody who is a
// person to UAA, for what is their own.
type rights struct {
	public              bool
	brokers             bool
	people              bool
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
		public   = rights{public: true}
		readers  = rights{admin: all, manage: own, read: all}
		changers = rights{admin: all, manage: own}
		brokers  = rights{brokers: true, admin: all, read: all}
		everyone = rights{admin: all, manage: all, read: all}
		admins   = rights{admin: all}
		people   = rights{people: true, admin: all, manage: own}
	)
	return []route{
		{"GET", "/v1/clusters", readers, noSubject, bodyIgnored, s.listClusters},
		{"POST", "/v1/clusters", changers, noSubject, bodyJSON, s.createCluster},
		{"PATCH", "/v1/clusters", changers, noSubject, bodyJSON, s.upgradeClusters},
		{"GET", "/v1/clusters/{cluster}", readers, oneCluster, bodyIgnored, s.getCluster},
		{"PATCH", "/v1/clusters/{cluster}", changers, oneCluster, bodyJSON, s.updateCluster},
		{"DELETE", "/v1/clusters/{cluster}", changers, oneCluster, bodyIgnored, s.deleteCluster},
		{"GET", "/v1/clusterdetails/{cluster}", readers, oneCluster, bodyIgnored, s.getClusterDetails},
		{"GET", "/v1/clusters/{cluster}/events", readers, oneCluster, bodyIgnored, s.listEvents},
		{"GET", "/v1/clusters/{cluster}/machines", readers, oneCluster, bodyIgnored, s.listMachines},
		{"GET", "/v1/clusters/{cluster}/history", readers, oneCluster, bodyIgnored, s.listHistory},
		{"POST", "/v1/clusters/{cluster}/cancel", changers, oneCluster, bodyIgnored, s.cancelOperation},
		{"POST", "/v1/clusters/{cluster}/retry", changers, oneCluster, bodyIgnored, s.retryOperation},
		{"GET", "/v1/clusters/{cluster}/certificates", readers, oneCluster, bodyIgnored, s.listCertificates},
		{"POST", "/v1/clusters/{cluster}/rotate-certificates", changers, oneCluster, bodyJSON, s.rotateCertificates},
		{"POST", "/v1/clusters/{cluster}/promote-to-policy", changers, oneCluster, bodyIgnored, s.promoteToPolicy},
		{"POST", "/v1/clusters/{cluster}/binds", changers, oneCluster, bodyIgnored, s.createBinding},
		{"GET", bindingPath, people, oneCluster, bodyIgnored, s.getBinding},
		{"GET", "/v1/tasks", readers, noSubject, bodyIgnored, s.listTasks},
		{"GET", "/v1/tasks/{task}", readers, oneTask, bodyIgnored, s.getTask},
		{"PUT", "/v1/tasks/{task}", changers, oneTask, bodyIgnored, s.cancelTask},
		{"POST", "/v1/tasks/{task}/pause", changers, oneTask, bodyIgnored, s.pauseTask},
		{"POST", "/v1/tasks/{task}/resume", changers, oneTask, bodyIgnored, s.resumeTask},
		{"GET", "/v1/upgradable", readers, noSubject, bodyIgnored, s.checkUpgradable},
		{"GET", "/v1/plans", readers, noSubject, bodyIgnored, s.listPlans},
		{"GET", "/v1/network-profiles", everyone, noSubject, bodyIgnored, s.listProfiles(pks.NetworkProfiles)},
		{"POST", "/v1/network-profiles", admins, noSubject, bodyJSON, s.createProfile(pks.NetworkProfiles)},
		{"GET", "/v1/network-profiles/{profile}", everyone, oneNetworkProfile, bodyIgnored, s.getProfile},
		{"DELETE", "/v1/network-profiles/{profile}", admins, oneNetworkProfile, bodyIgnored, s.deleteProfile},
		{"GET", "/v1/compute-profiles", everyone, noSubject, bodyIgnored, s.listProfiles(pks.ComputeProfiles)},
		{"POST", "/v1/compute-profiles", admins, noSubject, bodyJSON, s.createProfile(pks.ComputeProfiles)},
		{"GET", "/v1/compute-profiles/{profile}", everyone, oneComputeProfile, bodyIgnored, s.getProfile},
		{"DELETE", "/v1/compute-profiles/{profile}", admins, oneComputeProfile, bodyIgnored, s.deleteProfile},
		// Readers see no Kubernetes profiles: one may hold the key of a cluster's secrets.
		{"GET", "/v1/kubernetes-profiles", changers, noSubject, bodyIgnored, s.listProfiles(pks.KubernetesProfiles)},
		{"POST", "/v1/kubernetes-profiles", changers, noSubject, bodyJSON, s.createProfile(pks.KubernetesProfiles)},
		{"GET", "/v1/kubernetes-profiles/{profile}", changers, oneKubernetesProfile, bodyIgnored, s.getProfile},
		{"DELETE", "/v1/kubernetes-profiles/{profile}", changers, oneKubernetesProfile, bodyIgnored, s.deleteProfile},
		{"GET", "/v1/quotas", readers, noSubject, bodyIgnored, s.listQuotas},
		{"POST", "/v1/quotas", admins, noSubject, bodyJSON, s.createQuota},
		{"GET", "/v1/quotas/{owner}", readers, oneOwner, bodyIgnored, s.getQuota},
		{"PATCH", "/v1/quotas/{owner}", admins, oneOwner, bodyJSON, s.updateQuota},
		{"DELETE", "/v1/quotas/{owner}", admins, oneOwner, bodyIgnored, s.deleteQuota},
		{"GET", "/v1/usages", readers, noSubject, bodyIgnored, s.listUsages},
		{"GET", "/v1/usages/{owner}", readers, oneOwner, bodyIgnored, s.getUsage},
		{"GET", "/service_instances", brokers, noSubject, bodyIgnored, s.listServiceInstances},
		{"GET", "/actuator/health", public, noSubject, bodyIgnored, s.health},
		{"GET", "/actuator/info", public, noSubject, bodyIgnored, s.info},
		{"GET", "/openapi.json", public, noSubject, bodyIgnored, s.openAPI},
		{"GET", "/v2/api-docs", public, noSubject, bodyIgnored, s.swagger},
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
