package director_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/machine"
)

// BenchmarkRequest measures a request that only reads one row.
func BenchmarkRequest(b *testing.B) {
	vars, err := credhub.Open(b.Context(), b.TempDir()+"/credhub.db", credhub.Options{})
	if err != nil {
		b.Fatal(err)
	}
	d, err := director.New(director.Config{
		Dir: b.TempDir(), Auth: auth.Basic{"admin": "secret"}, Machines: machine.NewSimulated(machine.Options{}), Credentials: vars, Seed: seed(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := d.Close(b.Context()); err != nil {
			b.Error(err)
		}
	})
	for _, path := range []string{"/info", "/releases", "/tasks?limit=30"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
				r.SetBasicAuth("admin", "secret")
				w := httptest.NewRecorder()
				d.Handler().ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
