package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
	"code.cloudfoundry.org/brokerapi/v13/middlewares"
)

const (
	catalogPath = "/v2/catalog"
	// requestIdentity is echoed (OSB 2.17, "Request Identity").
	requestIdentity = "X-Broker-API-Request-Identity"
)

// catalogFirst answers requests for the catalog, which platforms ask for more than
// for anything else, from its text; every other request goes to next.
func (b *Broker) catalogFirst(next http.Handler) http.Handler {
	versioned := middlewares.APIVersionMiddleware{Logger: slog.New(slog.DiscardHandler)}
	catalog := versioned.ValidateAPIVersionHdr(http.HandlerFunc(b.serveCatalog))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == catalogPath {
			catalog.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (b *Broker) serveCatalog(w http.ResponseWriter, r *http.Request) {
	if identity := r.Header.Get(requestIdentity); identity != "" {
		w.Header().Set(requestIdentity, identity)
	}
	text, err := b.catalogText(r)
	if err != nil {
		known, ok := errors.AsType[*apiresponses.FailureResponse](err)
		if !ok {
			respond(w, http.StatusInternalServerError, apiresponses.ErrorResponse{Description: err.Error()})
			return
		}
		respond(w, known.ValidatedStatusCode(nil), known.ErrorResponse())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text) // the client is gone; nothing to tell it
}

func (b *Broker) catalogText(r *http.Request) ([]byte, error) {
	if text := b.catalog.text.Load(); text != nil {
		return *text, nil
	}
	services, err := b.Services(r.Context())
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(apiresponses.CatalogResponse{Services: services}); err != nil {
		return nil, fmt.Errorf("encode the catalog: %w", err)
	}
	made := text.Bytes()
	b.catalog.text.Store(&made)
	return made, nil
}
