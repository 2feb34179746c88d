package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
)

// maxBody bounds what is read of a request.
const maxBody = 1 << 20

// authenticated lets in who knows the user name and the password; how long a refusal
// takes tells nothing of them.
func (b *Broker) authenticated() func(http.Handler) http.Handler {
	known := pks.BasicCredentials{Username: b.config.Broker.Username, Password: b.config.Broker.Password}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			username, password, _ := r.BasicAuth()
			if !known.Match(username, password) {
				http.Error(w, "Not Authorized", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// osbBody reads the body of an OSB request within bounds.
func (b *Broker) osbBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Method == http.MethodGet || r.Method == http.MethodDelete {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			respondBodyError(w, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		// Whatever it is called, it is JSON; called a form, it would be read as one.
		r.Header.Set("Content-Type", "application/json")
		next.ServeHTTP(w, r)
	})
}

func respondBodyError(w http.ResponseWriter, err error) {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		respond(w, http.StatusRequestEntityTooLarge, apiresponses.ErrorResponse{
			Description: fmt.Sprintf("the request body is larger than %d bytes", maxBody),
		})
		return
	}
	respond(w, http.StatusBadRequest, apiresponses.ErrorResponse{Description: "the request body could not be read"})
}

// recovered gives every request an id, logs it in one line, and keeps panics from
// the client: it gets the id, the log the stack.
func (b *Broker) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		id := uuid.NewString()
		r = r.WithContext(withRequestID(r.Context(), id))
		recorder := &statusRecorder{ResponseWriter: w}
		defer func() {
			if fault := recover(); fault != nil {
				if fault == http.ErrAbortHandler {
					panic(fault) // net/http's own way to drop a connection
				}
				b.logger.ErrorContext(r.Context(), "request panicked",
					"request_id", id, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
				if recorder.status == 0 {
					respond(recorder, http.StatusInternalServerError, apiresponses.ErrorResponse{
						Description: "There was a problem completing your request. Please contact your operations team providing the following information: broker-request-id: " + id,
					})
				}
			}
			b.logger.Log(r.Context(), accessLevel(r.Method, recorder.status), "request served",
				"method", r.Method, "path", r.URL.Path, "status", recorder.status,
				"duration_ms", time.Since(started).Milliseconds(), "request_id", id, "correlation_id", correlationID(r))
		}()
		next.ServeHTTP(recorder, r)
	})
}

// accessLevel keeps polls that went well out of the log: there is one a second for
// every operation.
func accessLevel(method string, status int) slog.Level {
	if method == http.MethodGet && status < 400 {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// correlationID is the caller's name for the request, in the order of §0.2.
func correlationID(r *http.Request) string {
	for _, name := range []string{"X-Correlation-ID", "X-CorrelationID", "X-ForRequest-ID", "X-Request-ID", "X-Vcap-Request-Id", "X-Broker-API-Request-Identity"} {
		if v := r.Header.Get(name); v != "" {
			return v
		}
	}
	return ""
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *statusRecorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // the client is gone; nothing to tell it
}
