package server_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/pks"
)

// texts are what people and programs put into fields: mostly sound, with what
// shells, YAML, SQL, JSON and templates give a meaning to.
func texts() *rapid.Generator[string] {
	const sound = "aZ0 -_./@$$$${}()((ab))`'|&;<>?*~#%^=+!\\äß東京🚀\u00a0\u200d\u2028\u2029\u0301\ufeff"
	const harmless = "aZ09-_.äß東京🚀$@'&;|`#%^=+!{}<>~*\\"
	return rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune(harmless)), 1, 12, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune(harmless)), 1, 12, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune(sound)), 0, 12, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune(sound)), 0, 12, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune(sound+"\",:\n\r\t\x00\x1b")), 0, 12, -1),
		rapid.SampledFrom([]string{
			"((admin))", "a((/b/c))d", "((!x))", "((x.y))", "((", "))", "(( x ))", "$(id)", "${HOME}", "{{.Name}}", "<%= p('x') %>", "<<EOF", "';DROP TABLE clusters;--",
			"yes", "null", "~", "1e3", "0x10", "0o7", "1_000", "12:34", "2001-01-01", ".nan", "*a", "&a", "!!binary x", "- a", "a: b", "a #b", "|", ">-", "---", "...", "%YAML", "@x", "`x`", "\\n",
		}))
}

// written is what a request says of a cluster, and what is to come of it.
type written struct {
	profiles map[string]map[string]any // to be made before, bodies by path
	body     map[string]any
	want     pks.ClusterSpec
	values   []string // that must be in the manifest as they are
}

// write draws a request, the nth.
func write(rt *rapid.T, n int) written {
	name := fmt.Sprintf("c%d", n)
	w := written{
		profiles: map[string]map[string]any{},
		want:     pks.ClusterSpec{ClusterName: name, MasterHost: name + ".example.com", MasterPort: 8443, WorkerInstances: 1},
	}
	for i := range rapid.IntRange(0, 2).Draw(rt, "tags") {
		w.want.Tags = append(w.want.Tags, pks.Tag{
			Name: fmt.Sprint(i) + texts().Draw(rt, "name"), Value: texts().Draw(rt, "value"), Category: texts().Draw(rt, "category"),
		})
	}
	if rapid.Bool().Draw(rt, "has registries") {
		w.want.InsecureRegistries = []string{texts().Draw(rt, "registry")}
		w.values = append(w.values, w.want.InsecureRegistries...)
	}
	if rapid.IntRange(0, 9).Draw(rt, "odd name") == 0 {
		w.want.ClusterName = texts().Draw(rt, "cluster name")
	}
	if rapid.IntRange(0, 9).Draw(rt, "odd host") == 0 {
		w.want.MasterHost = texts().Draw(rt, "host")
	}
	w.values = append(w.values, w.want.MasterHost)
	w.body = map[string]any{"name": w.want.ClusterName, "plan_name": "small", "parameters": map[string]any{
		"kubernetes_master_host": w.want.MasterHost, "cluster_tags": w.want.Tags,
		"k8s_customization_parameters": map[string]any{"insecure_registries": w.want.InsecureRegistries},
	}}
	if rapid.Bool().Draw(rt, "has arguments") {
		value := texts().Draw(rt, "argument")
		w.values = append(w.values, value)
		w.want.KubernetesProfile = w.profile(rt, n, "kubernetes", map[string]any{
			"customizations": []any{map[string]any{"component": "kube-apiserver", "arguments": map[string]any{"oidc-client-id": value}}},
		})
	}
	if rapid.Bool().Draw(rt, "has ranges") {
		w.want.NetworkProfile = w.profile(rt, n, "network", map[string]any{"parameters": map[string]any{"pod_cidr": "10.220.0.0/16"}})
		w.values = append(w.values, "10.220.0.0/16")
	}
	return w
}

// profile draws a profile's name and adds it to what is to be made.
func (w *written) profile(rt *rapid.T, n int, kind string, document map[string]any) *pks.Profile {
	name := fmt.Sprintf("%d%s", n, texts().Draw(rt, kind+" profile"))
	parameters, err := json.Marshal(document)
	if inner, ok := document["parameters"]; ok {
		parameters, err = json.Marshal(inner)
	}
	if err != nil {
		rt.Fatal(err)
	}
	document["name"], document["description"] = name, texts().Draw(rt, kind+" description")
	w.profiles["/v1/"+kind+"-profiles"] = document
	w.body[kind+"_profile_name"] = name
	return &pks.Profile{Name: name, Parameters: parameters}
}

// send makes the profiles, then the cluster. It stops at the first refusal.
func (w written) send(rt *rapid.T, t *testing.T, api *running, token string) (accepted bool) {
	post := func(path string, body map[string]any, success int) bool {
		document, err := json.Marshal(body)
		if err != nil {
			rt.Fatal(err)
		}
		switch status, answer := api.call(t, "POST", path, token, string(document)); status {
		case success:
			return true
		case http.StatusBadRequest, http.StatusConflict:
			return false
		default:
			rt.Fatalf("%d %s", status, answer)
			return false
		}
	}
	for path, body := range w.profiles {
		if !post(path, body, http.StatusCreated) {
			return false
		}
	}
	return post("/v1/clusters", w.body, http.StatusAccepted)
}

// Any text is refused at the door, or is carried intact through API, database,
// queue, broker call and service adapter into the manifest, and back out of that
// when the cluster is upgraded from it alone.
func TestTextsAreRefusedOrCarriedIntact(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ear := &generating{manifests: map[string]manifest{}, grown: make(chan struct{}, 1)}
	broker := httptest.NewTLSServer(ear)
	t.Cleanup(broker.Close)
	s.write(t, "broker-ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: broker.Certificate().Raw}))
	config, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	_, old, _ := strings.Cut(string(config), "broker: {url: ")
	old, _, _ = strings.Cut(old, ",")
	s.write(t, "pks-api.yml", []byte(strings.ReplaceAll(strings.ReplaceAll(string(config), old, broker.URL), "worker_instances: 2", "worker_instances: 1")))
	api := s.start(t)
	api.client.Transport.(*http.Transport).DisableKeepAlives = false
	token := s.token(t)

	sent := map[string]written{}
	n, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w := write(rt, n)
		if w.send(rt, t, api, token) {
			sent[w.want.ClusterName] = w
		} else {
			refused++
		}
	})
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	for arrived := 0; arrived < len(sent); {
		select {
		case <-ear.grown:
		case <-deadline.C:
			t.Fatalf("the broker got %d of %d clusters", arrived, len(sent))
		}
		ear.mu.Lock()
		arrived = len(ear.manifests)
		ear.mu.Unlock()
	}
	for _, refusal := range ear.refused {
		t.Errorf("accepted at the door and refused later: %s", refusal)
	}
	for name, w := range sent {
		if m := ear.manifests[name]; m.text != "" {
			w.check(t, m)
		}
	}
	t.Logf("%d accepted, %d refused", len(sent), refused)
	if len(sent) == 0 || refused == 0 {
		t.Errorf("%d accepted, %d refused: the test says little", len(sent), refused)
	}
}

// check holds a manifest against what was written.
func (w written) check(t *testing.T, m manifest) {
	t.Helper()
	name := w.want.ClusterName
	wantTags := map[string]string{}
	for _, tag := range w.want.Tags {
		wantTags[tag.Name] = tag.Value
	}
	if diff := cmp.Diff(wantTags, m.parsed.Tags, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: tags (-written +manifest):\n%s", name, diff)
	}
	for _, value := range w.values {
		if !slices.ContainsFunc(m.texts, func(text string) bool { return text == value || value != "" && strings.Contains(text, value) }) {
			t.Errorf("%s: %q is not in the manifest", name, value)
		}
	}
	if strangers := m.strangers(); len(strangers) > 0 {
		t.Errorf("%s: BOSH would look for variables in %q", name, strangers)
	}
	want := w.want
	for _, group := range m.parsed.Groups {
		if group.Name == "worker" {
			want.WorkerInstances -= group.Instances // the record leaves it to the group
		}
	}
	var recorded pks.ClusterSpec
	if err := json.Unmarshal([]byte(m.parsed.Features.Cluster.Spec), &recorded); err != nil {
		t.Fatal(err)
	}
	asDocument := cmp.Transformer("document", func(raw json.RawMessage) (document any) {
		_ = json.Unmarshal(raw, &document)
		return document
	})
	if diff := cmp.Diff(want, recorded, asDocument, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-written +recorded):\n%s", name, diff)
	}
	again, err := generate(t.Context(), "{}", m.text)
	if err != nil {
		t.Fatalf("%s: upgrade: %v", name, err)
	}
	if diff := cmp.Diff(m.text, again.text); diff != "" {
		t.Errorf("%s changes by being made again (-before +after):\n%s", name, diff)
	}
}
