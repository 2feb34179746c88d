package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

func (w *world) profileRoutes(mux *http.ServeMux) {
	for _, kind := range []string{"network-profiles", "compute-profiles", "kubernetes-profiles"} {
		mux.HandleFunc("GET /v1/"+kind, func(res http.ResponseWriter, _ *http.Request) {
			writeJSON(res, 200, append([]json.RawMessage{}, w.profiles[kind]...))
		})
		mux.HandleFunc("POST /v1/"+kind, func(res http.ResponseWriter, req *http.Request) {
			body, _ := io.ReadAll(req.Body)
			var document map[string]any
			if err := json.Unmarshal(body, &document); err != nil {
				writeJSON(res, 400, v1.ErrorResponse{Body: "The body is not JSON.", Code: "malformed_body"})
				return
			}
			document["uuid"], document["owner"], document["created_at"] = "u-1", "alana", taskStart
			stored, _ := json.Marshal(document)
			w.profiles[kind] = append(w.profiles[kind], stored)
			writeJSON(res, 201, document)
		})
		mux.HandleFunc("GET /v1/"+kind+"/{profile}", w.profile(kind, func(res http.ResponseWriter, at int) {
			writeJSON(res, 200, w.profiles[kind][at])
		}))
		mux.HandleFunc("DELETE /v1/"+kind+"/{profile}", w.profile(kind, func(res http.ResponseWriter, at int) {
			w.profiles[kind] = slices.Delete(w.profiles[kind], at, at+1)
			res.WriteHeader(204)
		}))
	}
}

func (w *world) profile(kind string, next func(http.ResponseWriter, int)) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		for i, stored := range w.profiles[kind] {
			var named struct{ Name string }
			if json.Unmarshal(stored, &named) == nil && named.Name == req.PathValue("profile") {
				next(res, i)
				return
			}
		}
		writeJSON(res, 404, v1.ErrorResponse{Body: "Profile " + req.PathValue("profile") + " not found.", Code: "profile_not_found", Remedy: "List the profiles there are."})
	}
}
