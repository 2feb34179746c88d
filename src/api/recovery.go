package api

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/pks-community/pks-release/src/pks"
)

// recoverPanics turns a panic into the answer for internal errors. The stack
// goes to the log alone.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched := &headerWatch{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler {
				panic(cause) // net/http's own way to drop a connection
			}
			s.config.Logger.Error("request panicked", "request_id", requestID(r.Context()),
				"method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			if watched.begun {
				panic(http.ErrAbortHandler) // half an answer must not look whole
			}
			s.fail(w, r, pks.AsFailure(fmt.Errorf("panic: %v", cause)))
		}()
		next.ServeHTTP(watched, r)
	})
}

// headerWatch knows whether an answer has begun.
type headerWatch struct {
	http.ResponseWriter
	begun bool
}

func (h *headerWatch) WriteHeader(status int) {
	h.begun = true
	h.ResponseWriter.WriteHeader(status)
}

func (h *headerWatch) Write(b []byte) (int, error) {
	h.begun = true
	return h.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController and http.MaxBytesReader find the real one.
func (h *headerWatch) Unwrap() http.ResponseWriter { return h.ResponseWriter }
