package cli_test

import (
	"encoding/json"
	"net/http"
	"strconv"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

func (w *world) operationRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/upgradable", func(res http.ResponseWriter, _ *http.Request) { writeJSON(res, 200, "1.1.0-build.2") })
	mux.HandleFunc("GET /v1/clusterdetails/{name}", w.one(w.details))
	mux.HandleFunc("GET /v1/clusters/{name}/machines", w.one(w.machines))
	mux.HandleFunc("POST /v1/clusters/{name}/cancel", w.one(w.cancel))
	mux.HandleFunc("POST /v1/clusters/{name}/retry", w.one(w.retry))
	mux.HandleFunc("GET /v1/clusters/{name}/history", w.one(history))
	mux.HandleFunc("GET /v1/quotas", func(res http.ResponseWriter, _ *http.Request) {
		all := []v1.Quota{}
		for _, q := range w.quotas {
			all = append(all, q)
		}
		writeJSON(res, 200, all)
	})
	mux.HandleFunc("POST /v1/quotas", func(res http.ResponseWriter, req *http.Request) {
		var q v1.Quota
		_ = json.NewDecoder(req.Body).Decode(&q)
		w.quotas[q.Owner] = q
		writeJSON(res, 201, q)
	})
	mux.HandleFunc("GET /v1/quotas/{owner}", w.quota(func(res http.ResponseWriter, _ *http.Request, q v1.Quota) { writeJSON(res, 200, q) }))
	mux.HandleFunc("PATCH /v1/quotas/{owner}", w.quota(func(res http.ResponseWriter, req *http.Request, q v1.Quota) {
		_ = json.NewDecoder(req.Body).Decode(&q)
		w.quotas[q.Owner] = q
		writeJSON(res, 200, q)
	}))
	mux.HandleFunc("DELETE /v1/quotas/{owner}", w.quota(func(res http.ResponseWriter, _ *http.Request, q v1.Quota) {
		delete(w.quotas, q.Owner)
		res.WriteHeader(204)
	}))
	usage := v1.Usage{Owner: "alana", Totals: v1.UsageTotals{CPU: 20, Memory: 52, Cluster: 1}, Clusters: []v1.ClusterUsage{{Name: "demo", CPU: 20, Memory: 52, Source: "bosh"}}}
	mux.HandleFunc("GET /v1/usages", func(res http.ResponseWriter, _ *http.Request) { writeJSON(res, 200, []v1.Usage{usage}) })
	mux.HandleFunc("GET /v1/usages/{owner}", func(res http.ResponseWriter, _ *http.Request) { writeJSON(res, 200, usage) })
}

func (w *world) quota(next func(http.ResponseWriter, *http.Request, v1.Quota)) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		owner := req.PathValue("owner")
		q, ok := w.quotas[owner]
		if !ok {
			writeJSON(res, 404, v1.ErrorResponse{Body: "The quota owner named: '" + owner + "' not found.", Code: "quota_not_found", Remedy: "List the quotas there are."})
			return
		}
		next(res, req, q)
	}
}

func (w *world) details(res http.ResponseWriter, _ *http.Request, c *fakeCluster) {
	shown := c.Cluster
	text := func(s string) *string { return &s }
	shown.Parameters.NetworkDetails = text(`{"lb_size":"small","node_routable":false,"fip_pool_ids":["901341c7"]}`)
	shown.Parameters.ClusterDetails = &v1.KubernetesSettings{DrainTimeout: text("10")}
	shown.Parameters.PlanDetails = &v1.KubernetesSettings{DrainTimeout: text("0"), DrainGracePeriod: text("10"), DrainIgnoreDaemonSets: text("true")}
	writeJSON(res, 200, shown)
}

func (w *world) cancel(res http.ResponseWriter, _ *http.Request, c *fakeCluster) {
	if c.LastActionState != "in progress" {
		writeJSON(res, 409, v1.ErrorResponse{Body: "Nothing goes on with cluster " + c.Name + ".", Code: "nothing_to_cancel"})
		return
	}
	c.LastActionState, c.LastActionDescription = "failed", "Instance update cancelled: The cluster is as it was."
	writeJSON(res, 200, v1.Operation{ID: "op-7", Action: c.LastAction, State: "cancelled", Landed: "untouched", Description: c.LastActionDescription})
}

func (w *world) retry(res http.ResponseWriter, _ *http.Request, c *fakeCluster) {
	if c.LastActionState != "failed" {
		writeJSON(res, 409, v1.ErrorResponse{Body: "Nothing has failed.", Code: "nothing_to_retry"})
		return
	}
	w.broken = false
	w.begin(c, c.LastAction, "Updating cluster")
	writeJSON(res, 202, c.Cluster)
}

func history(res http.ResponseWriter, _ *http.Request, _ *fakeCluster) {
	who := v1.RequestedBy{Name: "alana", Kind: "user"}
	writeJSON(res, 200, []v1.Revision{
		{Revision: 2, Operation: v1.Operation{ID: "op-2", Action: "UPDATE", State: "succeeded", RequestedBy: who, RequestedAt: "2026-01-02T03:04:05Z", Description: "Instance update completed"},
			Changes: []v1.Change{{Path: "worker_instances", Before: 3, After: 5}, {Path: "tags", After: []string{"a"}}}},
		{Revision: 1, Operation: v1.Operation{ID: "op-1", Action: "CREATE", State: "succeeded", RequestedBy: who, RequestedAt: "2026-01-01T03:04:05Z"}, Changes: []v1.Change{}},
	})
}

func (w *world) preview(c v1.Cluster) v1.Preview {
	return v1.Preview{
		Cluster: c, Changes: []v1.Change{{Path: "worker_instances", Before: 3, After: 5}},
		ManifestDiff: []v1.DiffLine{{Text: "instance_groups:"}, {Text: "  instances: 3", Change: "removed"}, {Text: "  instances: 5", Change: "added"}},
		Instances:    []v1.InstanceGroup{{Name: "master", Action: "none", Before: 1, After: 1}, {Name: "worker", Action: "scale", Before: 3, After: 5}},
	}
}

// machines are one master and the workers; when the world is sick, some are not
// well, each in another way.
func (w *world) machines(res http.ResponseWriter, _ *http.Request, c *fakeCluster) {
	if w.noEvents {
		writeJSON(res, 404, map[string]any{"status": 404, "error": "Not Found"})
		return
	}
	all := []v1.Machine{{Group: "master", ID: "m-0", AZ: "z1", IPs: []string{"10.0.0.2"}, State: "running", Desired: "started", Bootstrap: true,
		Disks: []v1.Disk{{Name: "system", Percent: 38}}, Processes: []v1.Process{{Name: "etcd", State: "running"}}}}
	for i := range c.Parameters.KubernetesWorkerInstances {
		all = append(all, v1.Machine{Group: "worker", ID: "w-" + strconv.Itoa(i), Index: i, AZ: "z1", IPs: []string{"10.0.0." + strconv.Itoa(3+i)}, State: "running", Desired: "started",
			Disks: []v1.Disk{{Name: "system", Percent: 38}, {Name: "ephemeral", Percent: w.disk}}, Processes: []v1.Process{{Name: "kubelet", State: "running"}}})
	}
	if w.sick {
		all[1].State, all[1].Processes[0].State = "failing", "failing"
		all[2].State, all[2].IPs = "missing", []string{}
		all[3].Ignored = true
	}
	writeJSON(res, 200, all)
}
