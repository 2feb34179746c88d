package cli_test

import (
	"encoding/json"
	"net/http"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

func (w *world) certificateRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/clusters/{name}/certificates", w.one(w.certificates))
	mux.HandleFunc("POST /v1/clusters/{name}/rotate-certificates", w.one(w.rotate))
	mux.HandleFunc("POST /v1/clusters/{name}/promote-to-policy", w.one(func(res http.ResponseWriter, _ *http.Request, c *fakeCluster) {
		writeJSON(res, 400, v1.ErrorResponse{Body: "Cluster " + c.Name + " does not use the management-plane API of NSX-T.", Code: "invalid_request", Remedy: "There is nothing to promote."})
	}))
}

func (w *world) certificates(res http.ResponseWriter, req *http.Request, _ *fakeCluster) {
	if w.noEvents {
		writeJSON(res, 404, map[string]any{"status": 404, "error": "Not Found"})
		return
	}
	found := []v1.Certificate{}
	if req.URL.Query().Get("days") != "1" && !w.goodCertificates {
		found = append(found,
			v1.Certificate{Name: "/p-bosh/service-instance_62e2/tls-kubernetes", Type: v1.CertificateLeaf, DaysLeft: 20, ValidUntil: "2026-02-14T06:47:46Z"},
			v1.Certificate{Name: "/p-bosh/service-instance_62e2/etcd_ca", Type: v1.CertificateRoot, DaysLeft: 143, ValidUntil: "2026-06-15T06:47:35Z"})
	}
	if w.expired {
		found[0].DaysLeft = -3
	}
	writeJSON(res, 200, found)
}

func (w *world) rotate(res http.ResponseWriter, req *http.Request, c *fakeCluster) {
	var which v1.RotateCertificates
	if err := json.NewDecoder(req.Body).Decode(&which); err != nil || !which.All {
		writeJSON(res, 400, v1.ErrorResponse{Body: "The cluster has no certificates that are registered at NSX-T.", Code: "invalid_request"})
		return
	}
	if w.busy(res, c) {
		return
	}
	w.begin(c, "UPDATE", "Rotating certificates")
	writeJSON(res, 202, c.Cluster)
}
