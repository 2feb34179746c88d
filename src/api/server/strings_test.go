package server_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/pks"
)

// listener is a broker that keeps what it is given and is done at once.
type listener struct {
	mu    sync.Mutex
	specs map[string]pks.ClusterSpec // by cluster name
	grown chan struct{}
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodPut {
		_, _ = io.WriteString(w, `{"instance_groups":{"master":["10.0.0.2"]}}`)
		return
	}
	var body struct {
		Parameters pks.ClusterSpec `json:"parameters"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	l.specs[body.Parameters.ClusterName] = body.Parameters
	l.mu.Unlock()
	select {
	case l.grown <- struct{}{}:
	default:
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{}`)
}

// texts are what people and programs put into fields: mostly sound, with what
// shells, YAML, SQL, JSON and templates give a meaning to.
func texts() *rapid.Generator[string] {
	const sound = "aZ0 -_./@$$$${}()((ab))`'|&;<>?*~#%^=+!\\äß東京🚀\u00a0\u200d\u2028\u2029\u0301\ufeff"
	return rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune(sound)), 0, 12, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune(sound)), 0, 12, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune(sound)), 0, 12, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune(sound+"\",:\n\r\t\x00\x1b")), 0, 12, -1))
}

// Any text is refused at the door, with the member's name, or is carried intact
// through API, database and queue to the broker.
func TestTextsAreRefusedOrCarriedIntact(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ear := &listener{specs: map[string]pks.ClusterSpec{}, grown: make(chan struct{}, 1)}
	broker := httptest.NewTLSServer(ear)
	t.Cleanup(broker.Close)
	s.write(t, "broker-ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: broker.Certificate().Raw}))
	config, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	_, old, _ := strings.Cut(string(config), "broker: {url: ")
	old, _, _ = strings.Cut(old, ",")
	s.write(t, "pks-api.yml", []byte(strings.ReplaceAll(string(config), old, broker.URL)))
	api := s.start(t)
	api.client.Transport.(*http.Transport).DisableKeepAlives = false
	token := s.token(t)

	sent := map[string]pks.ClusterSpec{}
	n, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprintf("c%d", n)
		wanted := pks.ClusterSpec{ClusterName: name, MasterHost: name + ".example.com", MasterPort: 8443, WorkerInstances: 2}
		for i := range rapid.IntRange(0, 2).Draw(rt, "tags") {
			wanted.Tags = append(wanted.Tags, pks.Tag{
				Name: fmt.Sprint(i) + texts().Draw(rt, "name"), Value: texts().Draw(rt, "value"), Category: texts().Draw(rt, "category"),
			})
		}
		if rapid.Bool().Draw(rt, "has registries") {
			wanted.InsecureRegistries = []string{texts().Draw(rt, "registry")}
		}
		if rapid.IntRange(0, 9).Draw(rt, "odd name") == 0 {
			wanted.ClusterName = texts().Draw(rt, "cluster name")
		}
		if rapid.IntRange(0, 9).Draw(rt, "odd host") == 0 {
			wanted.MasterHost = texts().Draw(rt, "host")
		}
		body, err := json.Marshal(map[string]any{"name": wanted.ClusterName, "plan_name": "small", "parameters": map[string]any{
			"kubernetes_master_host": wanted.MasterHost, "cluster_tags": wanted.Tags,
			"k8s_customization_parameters": map[string]any{"insecure_registries": wanted.InsecureRegistries},
		}})
		if err != nil {
			rt.Fatal(err)
		}
		switch status, answer := api.call(t, "POST", "/v1/clusters", token, string(body)); status {
		case http.StatusAccepted:
			sent[wanted.ClusterName] = wanted
		case http.StatusBadRequest, http.StatusConflict:
			refused++
		default:
			rt.Fatalf("%d %s", status, answer)
		}
	})
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for arrived := 0; arrived < len(sent); {
		select {
		case <-ear.grown:
		case <-deadline.C:
			t.Fatalf("the broker got %d of %d clusters", arrived, len(sent))
		}
		ear.mu.Lock()
		arrived = len(ear.specs)
		ear.mu.Unlock()
	}
	if diff := cmp.Diff(sent, ear.specs); diff != "" {
		t.Error(diff)
	}
	t.Logf("%d accepted, %d refused", len(sent), refused)
	if len(sent) == 0 || refused == 0 {
		t.Errorf("%d accepted, %d refused: the test says little", len(sent), refused)
	}
}
