package config_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/api/config"
	"github.com/pks-community/pks-release/src/pks"
)

const whole = `listen: 127.0.0.1:9021
tls: {certificate_file: api.crt, private_key_file: api.key}
database: {driver: sqlite, path: pks-api.db}
uaa:
  url: https://uaa.example.com:8443
  issuer: https://uaa.example.com:8443/oauth/token
  ca_file: uaa.pem
  client_id: pks_client
  client_secret: uaa-secret
  audiences: [pks.clusters, other]
broker: {url: https://broker.example.com:8080, ca_file: broker.pem, username: api, password: broker-secret, service_id: svc, timeout: 45s}
service_instances: {username: instances, password: list-secret}
kubernetes_version: 1.34.2
plans:
- {id: p1, name: small, description: one, master_instances: 1, worker_instances: 3, max_worker_instances: 50, allow_privileged_containers: true}
poll_interval: 1s
log: {level: debug}
lock_file: /run/locked
`

func TestEveryKeyIsRead(t *testing.T) {
	t.Parallel()
	got, err := config.Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Listen:   "127.0.0.1:9021",
		TLS:      config.TLS{CertificateFile: "api.crt", PrivateKeyFile: "api.key"},
		Database: config.Database{Driver: config.SQLite, Path: "pks-api.db"},
		UAA: config.UAA{URL: "https://uaa.example.com:8443", Issuer: "https://uaa.example.com:8443/oauth/token", CAFile: "uaa.pem",
			ClientID: "pks_client", ClientSecret: "uaa-secret", Audiences: []string{"pks.clusters", "other"}},
		Broker: config.Broker{URL: "https://broker.example.com:8080", CAFile: "broker.pem", Username: "api", Password: "broker-secret",
			ServiceID: "svc", Timeout: 45 * time.Second},
		ServiceInstances:  config.Login{Username: "instances", Password: "list-secret"},
		KubernetesVersion: "1.34.2",
		Plans: []pks.Plan{{ID: "p1", Name: "small", Description: "one", MasterInstances: 1, WorkerInstances: 3, MaxWorkerInstances: 50,
			AllowPrivilegedContainers: true}},
		PollInterval: time.Second,
		LockFile:     "/run/locked",
		Log:          config.Log{Level: slog.LevelDebug},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDefaultsFillWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	short := whole
	for _, line := range []string{"listen: 127.0.0.1:9021\n", "  audiences: [pks.clusters, other]\n", ", timeout: 45s", "poll_interval: 1s\n", "log: {level: debug}\n",
		"  ca_file: uaa.pem\n", ", ca_file: broker.pem", "driver: sqlite, ",
		"service_instances: {username: instances, password: list-secret}\n"} {
		short = without(t, short, line)
	}
	got, err := config.Parse([]byte(short))
	if err != nil {
		t.Fatal(err)
	}
	want, err := config.Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want.Listen, want.PollInterval, want.Log.Level = "0.0.0.0:9021", 10*time.Second, slog.LevelInfo
	want.UAA.Audiences, want.UAA.CAFile = []string{"pks.clusters"}, ""
	want.Broker.Timeout, want.Broker.CAFile = time.Minute, ""
	want.ServiceInstances = config.Login{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBadConfigurationIsRefusedByKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ old, changed, want string }{
		"unknown key":            {"log: {", "logs: {", "line 17: the key logs is not known"},
		"unknown inner key":      {"client_id:", "clientid:", "the key clientid is not known"},
		"unknown plan key":       {"max_worker_instances:", "max_workers:", "the key max_workers is not known"},
		"key twice":              {"poll_interval: 1s", "poll_interval: 1s\npoll_interval: 2s", `"poll_interval" already defined`},
		"second document":        {"log: {level: debug}", "log: {level: debug}\n---\nlisten: x:1", "more than one YAML document"},
		"bad metrics":            {"log: {level: debug}", "log: {level: debug}\nmetrics: {listen: x}", `metrics.listen is "x"; it must be HOST:PORT`},
		"bad listen":             {"127.0.0.1:9021", "9021", `listen is "9021"; it must be HOST:PORT`},
		"bad port":               {"127.0.0.1:9021", "127.0.0.1:http", `"http" is not a TCP port`},
		"no certificate":         {"certificate_file: api.crt, ", "", "tls.certificate_file is missing"},
		"no key":                 {", private_key_file: api.key", "", "tls.private_key_file is missing"},
		"unknown driver":         {"driver: sqlite", "driver: mysql", `database.driver is "mysql"; it must be sqlite or postgres`},
		"no path":                {", path: pks-api.db", "", "database.path is missing"},
		"dsn for sqlite":         {"path: pks-api.db", "path: pks-api.db, dsn_file: dsn", "database.dsn_file has no meaning with driver sqlite"},
		"path for postgres":      {"driver: sqlite", "driver: postgres", "database.path has no meaning with driver postgres"},
		"no dsn":                 {"driver: sqlite, path: pks-api.db", "driver: postgres", "database.dsn_file is missing"},
		"no UAA":                 {"  url: https://uaa.example.com:8443\n", "", "uaa.url is missing"},
		"UAA without TLS":        {"url: https://uaa", "url: http://uaa", "uaa.url must be a URL of the form https://HOST[:PORT]"},
		"issuer that is no URL":  {"issuer: https://uaa.example.com:8443/oauth/token", "issuer: uaa", "uaa.issuer must be a URL"},
		"no client":              {"  client_id: pks_client\n", "", "uaa.client_id is missing"},
		"no client secret":       {"  client_secret: uaa-secret\n", "", "uaa.client_secret is missing"},
		"empty audience":         {"[pks.clusters, other]", `[""]`, "uaa.audiences holds an empty text"},
		"password in a URL":      {"https://broker.example.com", "https://api:hunter2@broker.example.com", "broker.url must be a URL"},
		"no broker user":         {"username: api, ", "", "broker.username is missing"},
		"no broker password":     {"password: broker-secret, ", "", "broker.password is missing"},
		"no service":             {", service_id: svc", "", "broker.service_id is missing"},
		"timeout out of range":   {"timeout: 45s", "timeout: 1ms", "broker.timeout is 1ms; it must be from 1s to 10m0s"},
		"timeout without a unit": {"timeout: 45s", "timeout: x", `line 11: broker.timeout is "x"; it must be a duration with its unit, for example 10s or 2m`},
		"number for a duration":  {"timeout: 45s", "timeout: 60", `broker.timeout is "60"; it must be a duration with its unit`},
		"workers not a number":   {"max_worker_instances: 50", "max_worker_instances: many", `line 15: plans[0].max_worker_instances is "many"; it must be a whole number`},
		"flag that is none":      {"allow_privileged_containers: true", "allow_privileged_containers: perhaps", `plans[0].allow_privileged_containers is "perhaps"; it must be true or false`},
		"group for a text":       {"kubernetes_version: 1.34.2", "kubernetes_version: {a: b}", "kubernetes_version must be a text"},
		"text for a group":       {"log: {level: debug}", "log: debug", `log is "debug"; it must be a group of keys`},
		"text for a list":        {"audiences: [pks.clusters, other]", "audiences: pks", `uaa.audiences is "pks"; it must be a list`},
		"list for a secret":      {"password: broker-secret", "password: [broker-secret]", "broker.password must be a text"},
		"login without password": {", password: list-secret", "", "service_instances.password is missing"},
		"login without a name":   {"username: instances, ", "", "service_instances.username is missing"},
		"name with a colon":      {"username: instances", "username: 'a:b'", "service_instances.username must not have a colon"},
		"unknown key of a login": {"username: instances", "user: instances", "the key user is not known"},
		"list for a login":       {"{username: instances, password: list-secret}", "[instances, list-secret]", "service_instances must be a group of keys"},
		"tab":                    {"  url: https://uaa", "\turl: https://uaa", "line 5 is indented with a tab; YAML wants blanks"},
		"open bracket":           {"log: {level: debug}", "log: {level: debug", "line 16"},
		"no Kubernetes":          {"kubernetes_version: 1.34.2\n", "", "kubernetes_version is missing"},
		"no plans":               {"- {id: p1", "# {id: p1", "plans is empty"},
		"plan without id":        {"id: p1, ", "", "plans[0].id is missing"},
		"plan without name":      {"name: small, ", "", "plans[0].name is missing"},
		"unknown network":        {"max_worker_instances: 50", "max_worker_instances: 50, cni: calico", `plans[0].cni is "calico"; it must be one of ["flannel" "nsx-t" "none"]`},
		"half a size":            {"max_worker_instances: 50", "max_worker_instances: 50, worker_vm: {cpu: 2}", "plans[0].worker_vm needs cpu and memory_in_mb, both above 0"},
		"negative size":          {"max_worker_instances: 50", "max_worker_instances: 50, master_vm: {cpu: -2, memory_in_mb: 1}", "plans[0].master_vm needs cpu and memory_in_mb, both above 0"},
		"two masters":            {"master_instances: 1", "master_instances: 2", "plans[0].master_instances is 2; etcd needs 1, 3 or 5"},
		"no workers":             {"worker_instances: 3", "worker_instances: 0", "plans[0].worker_instances is 0; it must be from 1 to max_worker_instances, which is 50"},
		"workers over maximum":   {"worker_instances: 3", "worker_instances: 51", "plans[0].worker_instances is 51"},
		"plan twice": {"plans:\n", "plans:\n- {id: p1, name: small, description: one, master_instances: 1, worker_instances: 1, max_worker_instances: 1}\n",
			`plans[1].id "p1" is another plan's too`},
		"polling too fast": {"poll_interval: 1s", "poll_interval: 1ms", "poll_interval is 1ms; it must be from 10ms to 1h0m0s"},
		"unknown level":    {"level: debug", "level: loud", `log.level is "loud"; it must be debug, info, warn or error`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(whole, test.old) {
				t.Fatalf("the configuration does not have %q", test.old)
			}
			content := strings.Replace(whole, test.old, test.changed, 1)
			_, err := config.Parse([]byte(content))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			for _, secret := range []string{"hunter2", "uaa-secret", "broker-secret", "list-secret"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells the secret %s", secret)
				}
			}
		})
	}
}

func TestAllFaultsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte("listen: 127.0.0.1:1\n"))
	for _, key := range []string{"tls.certificate_file", "database.path", "uaa.url", "broker.service_id", "kubernetes_version", "plans"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named in: %v", key, err)
		}
	}
}

func TestEmptyFileIsSaidToBeEmpty(t *testing.T) {
	t.Parallel()
	if _, err := config.Parse([]byte("# nothing\n")); err == nil || err.Error() != "the file is empty" {
		t.Errorf("got %v", err)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pks-api.yml")
	if _, err := config.Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("colour: blue"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "colour") {
		t.Errorf("bad file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("plans: [{}]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		parsed, err := config.Parse(content)
		if err == nil && (len(parsed.Plans) == 0 || parsed.UAA.Issuer == "" || parsed.Broker.ServiceID == "") {
			t.Errorf("accepted a configuration that cannot work: %+v", parsed)
		}
	})
}

// without takes text out, which must be there.
func without(t *testing.T, content, text string) string {
	t.Helper()
	if !strings.Contains(content, text) {
		t.Fatalf("the configuration does not have %q", text)
	}
	return strings.Replace(content, text, "", 1)
}
