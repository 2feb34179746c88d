package broker

import (
	"log/slog"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13"
	"github.com/gorilla/mux"
)

// Handler serves the OSB API below /v2, the management API below /mgmt and, when
// given, metrics at /metrics: all behind basic authentication. /healthz tells
// only that the process answers.
func (b *Broker) Handler(metrics http.Handler) http.Handler {
	open := mux.NewRouter().SkipClean(true).UseEncodedPath()
	open.Path("/healthz").Methods(http.MethodGet).HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})

	authenticate := b.authenticated()
	// The library logs request details, parameters with passwords among them; the
	// broker logs on its own what operators need.
	osb := brokerapi.NewWithOptions(b, slog.New(slog.DiscardHandler))
	open.PathPrefix("/v2").Handler(authenticate(b.catalogFirst(checkedIDs(b.osbBody(osb)))))
	open.PathPrefix("/mgmt").Handler(authenticate(checkedIDs(b.management())))
	if metrics != nil {
		open.Path("/metrics").Methods(http.MethodGet).Handler(authenticate(metrics))
	}
	return b.recovered(open)
}
