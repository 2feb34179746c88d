package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// createWith is a good create request with one thing changed.
func createWith(old, changed string) string {
	const good = `{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"demo.example.com","kubernetes_master_port":8443,"kubernetes_worker_instances":3}}`
	body := strings.Replace(good, old, changed, 1)
	if body == good {
		panic("the good request does not have " + old)
	}
	return body
}

func TestBadCreateIsRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	const (
		name    = `"demo"`
		host    = `"demo.example.com"`
		workers = `"kubernetes_worker_instances":3`
		port    = `"kubernetes_master_port":8443`

		correct   = " Correct the value and send the request again."
		oneObject = ` Send one JSON object, for example {"name":"demo"}.`
		names     = " Use 1 to 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit."
		hosts     = " Give the DNS name or IP address at which the cluster's Kubernetes API will be reached, such as demo.example.com."
		bounds    = " Choose a number from 1 to 5, or a plan that allows more: 'pks plans'."
		ports     = " Leave it out for 8443, or give a number from 1 to 65535."
	)
	for title, test := range map[string]struct{ body, code, want string }{
		"unknown plan":          {createWith(`"small"`, `"huge"`), "plan_not_found", `Plan "huge" not found. Choose one of: small, large.`},
		"plan in another case":  {createWith(`"small"`, `"Small"`), "plan_not_found", `Plan "Small" not found. Choose one of: small, large.`},
		"missing plan":          {createWith(`"plan_name":"small",`, ""), "invalid_request", "plan_name is missing. Choose one of: small, large."},
		"plan by id":            {createWith(`"small"`, `"8A0E21A8-8072-4D80-B365-D1F502085560"`), "plan_not_found", `Plan "8A0E21A8-8072-4D80-B365-D1F502085560" not found. Choose one of: small, large.`},
		"plan of a wrong type":  {createWith(`"small"`, `{}`), "invalid_request", "plan_name is an object; it must be a string." + correct},
		"missing name":          {createWith(`"name":"demo",`, ""), "invalid_request", "name is missing." + names},
		"null name":             {createWith(name, "null"), "invalid_request", "name is missing." + names},
		"empty name":            {createWith(name, `""`), "invalid_request", "name is missing." + names},
		"number as name":        {createWith(name, "5"), "invalid_request", "name is a number; it must be a string." + correct},
		"name with ampersand":   {createWith(name, `"a&b"`), "invalid_request", `name "a&b" has characters that a cluster name cannot have.` + names},
		"name with blank":       {createWith(name, `"a b"`), "invalid_request", `name "a b" has characters that a cluster name cannot have.` + names},
		"name with slash":       {createWith(name, `"a/b"`), "invalid_request", `name "a/b" has characters that a cluster name cannot have.` + names},
		"name with newline":     {createWith(name, `"a\n"`), "invalid_request", `name "a\n" has characters that a cluster name cannot have.` + names},
		"name beginning with -": {createWith(name, `"-a"`), "invalid_request", `name "-a" has characters that a cluster name cannot have.` + names},
		"name with umlaut":      {createWith(name, `"ä"`), "invalid_request", `name "ä" has characters that a cluster name cannot have.` + names},
		"dots as name":          {createWith(name, `".."`), "invalid_request", `name ".." has characters that a cluster name cannot have.` + names},
		"name with NUL":         {createWith(name, `"a\u0000"`), "invalid_request", "name holds a NUL character." + correct},
		"long name":             {createWith(name, `"`+strings.Repeat("a", 64)+`"`), "invalid_request", "name has 64 characters; at most 63 are allowed." + names},

		"missing parameters":         {`{"name":"demo","plan_name":"small"}`, "invalid_request", `parameters is missing. Add it: {"kubernetes_master_host":"demo.example.com"}.`},
		"null parameters":            {`{"name":"demo","plan_name":"small","parameters":null}`, "invalid_request", `parameters is missing. Add it: {"kubernetes_master_host":"demo.example.com"}.`},
		"parameters of a wrong type": {`{"name":"demo","plan_name":"small","parameters":[]}`, "invalid_request", "parameters is an array; it must be an object." + correct},
		"missing host":               {createWith(`"kubernetes_master_host":"demo.example.com",`, ""), "invalid_request", "parameters.kubernetes_master_host is missing." + hosts},
		"null host":                  {createWith(host, "null"), "invalid_request", "parameters.kubernetes_master_host is missing." + hosts},
		"long host":                  {createWith(host, `"`+strings.Repeat("a.", 32)+`a"`), "invalid_request", "parameters.kubernetes_master_host has 65 characters; at most 64 are allowed." + hosts},
		"host with underscore":       {createWith(host, `"a_b.example.com"`), "invalid_request", `parameters.kubernetes_master_host "a_b.example.com" is not a DNS name: each part between dots has 1 to 63 letters, digits and inner hyphens.` + hosts},
		"host with scheme":           {createWith(host, `"https://demo"`), "invalid_request", `parameters.kubernetes_master_host "https://demo" is not a DNS name: each part between dots has 1 to 63 letters, digits and inner hyphens.` + hosts},
		"half an address":            {createWith(host, `"10.0.0"`), "invalid_request", `parameters.kubernetes_master_host "10.0.0" looks like an IP address but is none.` + hosts},
		"boolean host":               {createWith(host, "true"), "invalid_request", "parameters.kubernetes_master_host is a boolean; it must be a string." + correct},

		"no workers":               {createWith(workers, `"kubernetes_worker_instances":0`), "invalid_request", "parameters.kubernetes_worker_instances is 0; plan small allows 1 to 5." + bounds},
		"no workers, as a string":  {createWith(workers, `"kubernetes_worker_instances":"0"`), "invalid_request", "parameters.kubernetes_worker_instances is 0; plan small allows 1 to 5." + bounds},
		"negative workers":         {createWith(workers, `"kubernetes_worker_instances":-1`), "invalid_request", "parameters.kubernetes_worker_instances is -1; plan small allows 1 to 5." + bounds},
		"more workers than plan":   {createWith(workers, `"kubernetes_worker_instances":6`), "invalid_request", "parameters.kubernetes_worker_instances is 6; plan small allows 1 to 5." + bounds},
		"workers not a number":     {createWith(workers, `"kubernetes_worker_instances":"three"`), "invalid_request", `parameters.kubernetes_worker_instances is "three"; it must be a whole number.` + correct},
		"half a worker":            {createWith(workers, `"kubernetes_worker_instances":1.5`), "invalid_request", "parameters.kubernetes_worker_instances is 1.5; it must be a whole number." + correct},
		"workers beyond integers":  {createWith(workers, `"kubernetes_worker_instances":1e999`), "invalid_request", "parameters.kubernetes_worker_instances is 1e999, which is too large." + correct},
		"workers around 2 to 32":   {createWith(workers, `"kubernetes_worker_instances":4294967299`), "invalid_request", "parameters.kubernetes_worker_instances is 4294967299, which is too large." + correct},
		"workers in an array":      {createWith(workers, `"kubernetes_worker_instances":[3]`), "invalid_request", "parameters.kubernetes_worker_instances is an array; it must be a whole number." + correct},
		"port zero":                {createWith(port, `"kubernetes_master_port":0`), "invalid_request", "parameters.kubernetes_master_port 0 is not a TCP port." + ports},
		"port too large":           {createWith(port, `"kubernetes_master_port":65536`), "invalid_request", "parameters.kubernetes_master_port 65536 is not a TCP port." + ports},
		"port not a number":        {createWith(port, `"kubernetes_master_port":"https"`), "invalid_request", `parameters.kubernetes_master_port is "https"; it must be a whole number.` + correct},
		"unknown network profile":  {createWith(`"plan_name"`, `"network_profile_name":"lb","plan_name"`), "invalid_request", `network_profile_name: network profile "lb" not found. Leave the member out, or name a profile that exists.`},
		"unknown compute profile":  {createWith(`"plan_name"`, `"compute_profile_name":"big","plan_name"`), "invalid_request", `compute_profile_name: compute profile "big" not found. Leave the member out, or name a profile that exists.`},
		"unknown k8s profile":      {createWith(`"plan_name"`, `"kubernetes_profile_name":"p","plan_name"`), "invalid_request", `kubernetes_profile_name: Kubernetes profile "p" not found. Leave the member out, or name a profile that exists.`},
		"profile of a wrong type":  {createWith(`"plan_name"`, `"kubernetes_profile_name":7,"plan_name"`), "invalid_request", "kubernetes_profile_name is a number; it must be a string." + correct},
		"tag without a name":       {createWith(workers, `"cluster_tags":[{"value":"x"}]`), "invalid_request", "parameters.cluster_tags[0].name is missing." + correct},
		"tag twice":                {createWith(workers, `"cluster_tags":[{"name":"a"},{"name":"a"}]`), "invalid_request", `parameters.cluster_tags has the tag "a" twice.` + correct},
		"tag of BOSH":              {createWith(workers, `"cluster_tags":[{"name":"director"}]`), "invalid_request", `parameters.cluster_tags has the tag "director", which BOSH sets itself. Choose a tag name other than created_at, deployment, director, id, index, instance_group, job, name.`},
		"tags as an object":        {createWith(workers, `"cluster_tags":{"a":"b"}`), "invalid_request", "parameters.cluster_tags is an object; it must be an array." + correct},
		"CA that is none":          {createWith(workers, `"custom_ca_certs":[{"domain_name":"a.b","ca_cert":"x"}]`), "invalid_request", `parameters.custom_ca_certs[0].ca_cert is not in PEM form. Give one or more PEM certificates, with line ends as \n.`},
		"CA of no registry":        {createWith(workers, `"custom_ca_certs":[{"ca_cert":"x"}]`), "invalid_request", `parameters.custom_ca_certs[0].domain_name "" is not a registry's host name. Give a host such as registry.example.com or *.example.com, with :PORT if it is not 443.`},
		"proxy of docker":          {createWith(workers, `"k8s_customization_parameters":{"unset_http_proxy":["docker"]}`), "invalid_request", `parameters.k8s_customization_parameters.unset_http_proxy[0] is "docker"; it can be runtime or kube-apiserver.` + correct},
		"vSphere key with a quote": {createWith(workers, `"k8s_customization_parameters":{"vsphere_cloud_provider_config_key":"a\""}`), "invalid_request", `parameters.k8s_customization_parameters.vsphere_cloud_provider_config_key "a\"" may hold letters and digits only.` + correct},
		"empty registry":           {createWith(workers, `"insecure_registries":[""]`), "invalid_request", "parameters.insecure_registries[0] is empty." + correct},
		"registry with a newline":  {createWith(workers, `"insecure_registries":["a\nb"]`), "invalid_request", `parameters.insecure_registries[0] "a\nb" has characters that a registry's address cannot have.` + correct},

		"malformed JSON":   {`{"name":`, "malformed_body", "The request body ends in the middle of its JSON." + oneObject},
		"not JSON":         {`name=demo`, "malformed_body", "The request body is not JSON: invalid character 'a' in literal null (expecting 'u') (at byte 0)." + oneObject},
		"array":            {`[]`, "malformed_body", "The request body is an array; it must be a JSON object." + oneObject},
		"empty string":     {`""`, "malformed_body", "The request body is a string; it must be a JSON object." + oneObject},
		"nothing at all":   {``, "malformed_body", "The request has no body." + oneObject},
		"blanks":           {` `, "malformed_body", "The request has no body." + oneObject},
		"trailing garbage": {createWith("}}", "}} more"), "malformed_body", "The request body goes on after its JSON object." + oneObject},
		"name twice":       {createWith(`"plan_name"`, `"name":"other","plan_name"`), "malformed_body", "The request body has the member name twice." + oneObject},
		"two faults at once": {createWith(workers, `"kubernetes_worker_instances":"x","cluster_tags":7`), "invalid_request",
			`parameters.kubernetes_worker_instances is "x"; it must be a whole number. parameters.cluster_tags is a number; it must be an array.` + correct},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: test.body})
			refused(t, w, got, http.StatusBadRequest, test.code, test.want)
		})
	}
}

func TestBadUpdateIsRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	const correct = " Correct the value and send the request again."
	const bounds = " Choose a number from 1 to 5, or a plan that allows more: 'pks plans'."
	for title, test := range map[string]struct{ body, code, want string }{
		"empty object":           {`{}`, "invalid_request", "At least one of update parameters have to be specified."},
		"nulls alone":            {`{"kubernetes_worker_instances":null,"cluster_tags":null,"insecure_registries":[null]}`, "invalid_request", "At least one of update parameters have to be specified."},
		"unknown members alone":  {`{"kubernetes_worker_instance":3}`, "invalid_request", "At least one of update parameters have to be specified."},
		"empty profile alone":    {`{"network_profile_name":""}`, "invalid_request", "At least one of update parameters have to be specified."},
		"no workers":             {`{"kubernetes_worker_instances":0}`, "invalid_request", "kubernetes_worker_instances is 0; plan small allows 1 to 5." + bounds},
		"negative workers":       {`{"kubernetes_worker_instances":"-2"}`, "invalid_request", "kubernetes_worker_instances is -2; plan small allows 1 to 5." + bounds},
		"more workers than plan": {`{"kubernetes_worker_instances":6}`, "invalid_request", "kubernetes_worker_instances is 6; plan small allows 1 to 5." + bounds},
		"workers not a number":   {`{"kubernetes_worker_instances":"many"}`, "invalid_request", `kubernetes_worker_instances is "many"; it must be a whole number.` + correct},
		"unknown profile":        {`{"kubernetes_profile_name":"p"}`, "invalid_request", `kubernetes_profile_name: Kubernetes profile "p" not found. Leave the member out, or name a profile that exists.`},
		"tags against each other": {`{"delete_all_tags":true,"cluster_tags":[{"name":"a"}]}`, "invalid_request",
			"delete_all_tags and cluster_tags contradict each other. Send one of them."},
		"drain timeout out of range": {`{"kubelet_drain_timeout":"1441"}`, "invalid_request", "kubelet_drain_timeout is 1441; it must be from 0 to 1440 minutes." + correct},
		"grace period out of range":  {`{"kubelet_drain_grace_period":"-2"}`, "invalid_request", "kubelet_drain_grace_period is -2; it must be from -1 to 86400 seconds." + correct},
		"drain flag of a wrong type": {`{"kubelet_drain_force":"maybe"}`, "invalid_request", `kubelet_drain_force is "maybe"; it must be true or false.` + correct},
		"force without a timeout": {`{"kubelet_drain_force_node":"true","kubelet_drain_timeout":"0"}`, "invalid_request",
			"kubelet_drain_force_node is true, but no drain timeout is set after which a node could be forced. Send kubelet_drain_timeout too, with a number of minutes above 0."},
		"malformed": {`{`, "malformed_body", `The request body ends in the middle of its JSON. Send one JSON object, for example {"name":"demo"}.`},
		"array":     {`[1]`, "malformed_body", `The request body is an array; it must be a JSON object. Send one JSON object, for example {"name":"demo"}.`},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).with("demo", cody)
			got := w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: test.body})
			refused(t, w, got, http.StatusBadRequest, test.code, test.want)
		})
	}
}

func TestBodyOfAWrongMediaTypeIsRefused(t *testing.T) {
	t.Parallel()
	body := createWith("demo", "other")
	for given, want := range map[string]string{
		"text/plain":                        `Content-Type "text/plain" is not supported. Send Content-Type: application/json.`,
		"application/x-www-form-urlencoded": `Content-Type "application/x-www-form-urlencoded" is not supported. Send Content-Type: application/json.`,
		"application/xml; a=b":              `Content-Type "application/xml; a=b" is not supported. Send Content-Type: application/json.`,
		"":                                  "The request has no Content-Type. Send Content-Type: application/json.",
	} {
		w := newWorld(t)
		header := http.Header{"Content-Type": {given}}
		got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: body, header: header})
		refused(t, w, got, http.StatusUnsupportedMediaType, "unsupported_media_type", want)
	}
}

func TestCompressedBodyIsRefusedAsSuch(t *testing.T) {
	t.Parallel()
	body := createWith("demo", "other")
	for _, given := range []string{"gzip", "br", "GZip, identity"} {
		w := newWorld(t)
		header := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {given}}
		got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: body, header: header})
		refused(t, w, got, http.StatusUnsupportedMediaType, "unsupported_media_type",
			fmt.Sprintf("Content-Encoding %q is not supported. Send the body as it is, without Content-Encoding.", strings.ToLower(given)))
	}
	w := newWorld(t)
	header := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"Identity"}}
	if got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: body, header: header}); got.status != http.StatusAccepted {
		t.Errorf("identity: %d %s", got.status, got.body)
	}
}

func TestLongTextsOfTheCallerDoNotFillTheAnswer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long", 10_000)
	for title, sent := range map[string]request{
		"plan":         {method: "POST", path: "/v1/clusters", body: createWith("small", long)},
		"profile":      {method: "POST", path: "/v1/clusters", body: createWith(`"plan_name"`, `"network_profile_name":"`+long+`","plan_name"`)},
		"path":         {method: "GET", path: "/" + long},
		"method":       {method: long, path: "/v1/plans"},
		"query":        {method: "GET", path: "/v1/clusters/demo/events?after=" + long},
		"content type": {method: "POST", path: "/v1/clusters", body: "{}", header: http.Header{"Content-Type": {long}}},
	} {
		w := newWorld(t).with("demo", cody)
		sent.token = "cody"
		if got := w.send(sent); got.status < 400 || got.status > 499 || len(got.body) > 1500 {
			t.Errorf("%s: %d with %d bytes", title, got.status, len(got.body))
		}
	}
}

func TestMediaTypeIsReadLeniently(t *testing.T) {
	t.Parallel()
	for _, given := range []string{
		"application/json", "Application/JSON", "application/json;charset=utf-8", "application/json ; Charset=UTF-8", "application/json; charset",
		"application/json;", " application/json", "application/vnd.spring-boot.actuator.v2+json;charset=UTF-8",
	} {
		w := newWorld(t)
		header := beyond()
		header.Set("Content-Type", given)
		got := w.send(request{method: "POST", path: "/v1/clusters/", token: "cody", body: createWith("demo", "other"), header: header})
		if got.status != http.StatusAccepted {
			t.Errorf("%q: %d %s", given, got.status, got.body)
		}
	}
}

func TestBodyOverOneMiBIsRefused(t *testing.T) {
	t.Parallel()
	padded := func(size int) string {
		good := createWith("demo", "other")
		return good + strings.Repeat(" ", size-len(good))
	}
	const tooLarge = "The request body is larger than 1 MiB. Send at most 1 MiB."
	w := newWorld(t)
	got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: padded(1<<20 + 1)})
	refused(t, w, got, http.StatusRequestEntityTooLarge, "body_too_large", tooLarge)

	w = newWorld(t).with("demo", cody)
	got = w.send(request{method: "POST", path: "/v1/clusters/demo/binds", token: "cody", body: padded(1<<20 + 1)})
	refused(t, w, got, http.StatusRequestEntityTooLarge, "body_too_large", tooLarge)

	w = newWorld(t)
	if got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: padded(1 << 20)}); got.status != http.StatusAccepted {
		t.Errorf("exactly 1 MiB: %d %s", got.status, got.body)
	}
}

func TestBadEventQueriesAreRefused(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"after=-1":   `after is "-1"; it must be a whole number from 0 to 9007199254740992. Correct the value and send the request again.`,
		"after=x":    `after is "x"; it must be a whole number from 0 to 9007199254740992. Correct the value and send the request again.`,
		"limit=0":    `limit is "0"; it must be a whole number from 1 to 1000. Correct the value and send the request again.`,
		"limit=1001": `limit is "1001"; it must be a whole number from 1 to 1000. Correct the value and send the request again.`,
		"wait=61":    `wait is "61"; it must be a whole number from 0 to 60. Correct the value and send the request again.`,
	} {
		w := newWorld(t).with("demo", cody)
		got := w.send(request{method: "GET", path: "/v1/clusters/demo/events?" + query, token: "cody"})
		refused(t, w, got, http.StatusBadRequest, "invalid_request", want)
	}
}

// refused checks status, code and text, and that nothing was stored.
func refused(t *testing.T, w *world, got reply, status int, code, body string) {
	t.Helper()
	var problem v1.ErrorResponse
	got.decode(t, &problem)
	if got.status != status || problem.Code != code {
		t.Errorf("got %d %s, want %d %s", got.status, problem.Code, status, code)
	}
	if diff := cmp.Diff(body, problem.Body); diff != "" {
		t.Error(diff)
	}
	if w.changes != 0 || len(w.binds) != 0 {
		t.Error("something was changed all the same")
	}
}
