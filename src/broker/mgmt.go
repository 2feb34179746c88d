package broker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
	"github.com/gorilla/mux"

	"github.com/pks-community/pks-release/src/director"
)

// management serves the management API (§2) and what is added to it: progress,
// vms, machines, certificates, preview and cancel.
func (b *Broker) management() http.Handler {
	r := mux.NewRouter()
	r.Path("/mgmt/service_instances").Methods(http.MethodGet).HandlerFunc(b.serveInstances)
	r.Path("/mgmt/service_instances/{id}").Methods(http.MethodPatch).HandlerFunc(b.serveProcess)
	r.Path("/mgmt/service_instances/{id}/progress").Methods(http.MethodGet).HandlerFunc(b.serveProgress)
	r.Path("/mgmt/service_instances/{id}/vms").Methods(http.MethodGet).HandlerFunc(b.serveVMs)
	r.Path("/mgmt/service_instances/{id}/machines").Methods(http.MethodGet).HandlerFunc(b.serveMachines)
	r.Path("/mgmt/service_instances/{id}/certificates").Methods(http.MethodGet).HandlerFunc(b.serveCertificates)
	r.Path("/mgmt/service_instances/{id}/preview").Methods(http.MethodPost).HandlerFunc(b.servePreview)
	r.Path("/mgmt/service_instances/{id}/cancel").Methods(http.MethodPost).HandlerFunc(b.serveCancel)
	r.Path("/mgmt/orphan_deployments").Methods(http.MethodGet).HandlerFunc(b.serveOrphans)
	r.Path("/mgmt/metrics").Methods(http.MethodGet).HandlerFunc(b.serveServiceMetrics)
	return r
}

func instanceID(r *http.Request) string { return mux.Vars(r)["id"] }

// respondError answers a request of the management API that failed.
func (b *Broker) respondError(ctx context.Context, w http.ResponseWriter, id string, kind operationType, err error) {
	answered := b.answer(ctx, id, kind, err)
	known, ok := errors.AsType[*apiresponses.FailureResponse](answered)
	if !ok {
		respond(w, http.StatusInternalServerError, apiresponses.ErrorResponse{Description: answered.Error()})
		return
	}
	respond(w, known.ValidatedStatusCode(nil), known.ErrorResponse())
}

// decodeBody reads a JSON object within bounds into v, and answers for itself
// when it cannot.
func decodeBody(w http.ResponseWriter, r *http.Request, v any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		respondBodyError(w, err)
		return false
	}
	if err := json.Unmarshal(body, v); err != nil {
		respond(w, http.StatusUnprocessableEntity, apiresponses.ErrorResponse{Description: "Error in request body. Invalid JSON"})
		return false
	}
	return true
}

// serveVMs tells the addresses of an instance's VMs.
func (b *Broker) serveVMs(w http.ResponseWriter, r *http.Request) {
	name := deploymentName(instanceID(r))
	vms, err := b.director.VMs(r.Context(), name)
	if errors.Is(err, director.ErrNotFound) {
		respond(w, http.StatusNotFound, apiresponses.ErrorResponse{Description: "bosh deployment '" + name + "' not found"})
		return
	}
	if err != nil {
		b.respondError(r.Context(), w, instanceID(r), "", err)
		return
	}
	respond(w, http.StatusOK, struct {
		Deployment     string              `json:"deployment"`
		InstanceGroups map[string][]string `json:"instance_groups"`
	}{name, addressesByGroup(vms)})
}
