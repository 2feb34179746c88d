package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/api/server"
	v1 "github.com/pks-community/pks-release/src/api/v1"
)

const create = `{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"demo.example.com"}}`

func TestServesTheAPIAndStopsInOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	api := s.start(t)
	if status, body := api.call(t, "GET", "/actuator/health", "", ""); status != http.StatusOK || body != `{"status":"UP"}` {
		t.Errorf("health: %d %s", status, body)
	}
	status, body := api.call(t, "GET", "/actuator/info", "", "")
	var info v1.Info
	if err := json.Unmarshal([]byte(body), &info); err != nil || info.UAA.URL != s.uaa.URL || info.Build.Version != "1.2.3" {
		t.Errorf("info: %d %s", status, body)
	}
	if status, body := api.call(t, "POST", "/v1/clusters", s.token(t), create); status != http.StatusAccepted {
		t.Errorf("create: %d %s", status, body)
	}
	for range 2 { // as often as the configuration says: the default is 10 s
		select {
		case <-s.polled:
		case <-time.After(8 * time.Second):
			t.Error("the broker was not asked for news")
		}
	}
	code, stderr := api.stop()
	if code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	for _, secret := range []string{"uaa-secret", "broker-secret"} {
		if strings.Contains(stderr, secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}

// What was acknowledged is still there after a restart (DESIGN law 1).
func TestAcknowledgedClusterSurvivesARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.start(t)
	status, accepted := first.call(t, "POST", "/v1/clusters", s.token(t), create)
	if status != http.StatusAccepted {
		t.Fatalf("create: %d %s", status, accepted)
	}
	if code, stderr := first.stop(); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	second := s.start(t)
	status, read := second.call(t, "GET", "/v1/clusters/demo", s.token(t), "")
	var before, after v1.Cluster
	if err := json.Unmarshal([]byte(accepted), &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(read), &after); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, read, err)
	}
	if before.UUID != after.UUID || after.LastAction != "CREATE" {
		t.Errorf("before %s, after %s", accepted, read)
	}
}

func TestVersionNeedsNoConfiguration(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run(t, "-version")
	if code != 0 || stdout != "pks-api 1.2.3 (abc)\n" || stderr != "" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}

func TestWrongCommandLineIsExitCode2(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "-config is missing"},
		{[]string{"-config", "x", "more"}, `unexpected argument "more"`},
		{[]string{"-colour"}, "flag provided but not defined: -colour"},
	} {
		code, _, stderr := run(t, test.args...)
		if code != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: %d %q", test.args, code, stderr)
		}
	}
	if code, _, stderr := run(t, "-help"); code != 0 || !strings.Contains(stderr, "-check-config") {
		t.Errorf("-help: %d %q", code, stderr)
	}
}

func TestCheckConfigLooksAtEveryFileAndStartsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	code, stdout, stderr := run(t, "-config", s.config, "-check-config")
	if code != 0 || !strings.Contains(stdout, "is sound") {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(s.folder, "pks-api.db")); !os.IsNotExist(err) {
		t.Errorf("the database was opened: %v", err)
	}
	for file, want := range map[string]string{
		"api.key":       "tls.certificate_file and tls.private_key_file: ",
		"uaa-ca.pem":    "uaa.ca_file: ",
		"broker-ca.pem": "broker.ca_file: ",
	} {
		broken := newSite(t)
		broken.write(t, file, []byte("nothing of use"))
		code, _, stderr := run(t, "-config", broken.config, "-check-config")
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("broken %s: %d %q", file, code, stderr)
		}
		if err := os.Remove(filepath.Join(broken.folder, file)); err != nil {
			t.Fatal(err)
		}
		code, _, stderr = run(t, "-config", broken.config, "-check-config")
		if code != 1 || !strings.Contains(stderr, file) {
			t.Errorf("missing %s: %d %q", file, code, stderr)
		}
	}
}

func TestMissingConfigurationFileIsNamed(t *testing.T) {
	t.Parallel()
	code, _, stderr := run(t, "-config", "/nonexistent/pks-api.yml")
	if code != 1 || !strings.Contains(stderr, "/nonexistent/pks-api.yml") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%d %q", code, stderr)
	}
}

func TestPortInUseIsSaidBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	content, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "pks-api.yml", []byte(strings.Replace(string(content), "127.0.0.1:0", taken.Addr().String(), 1)))
	code, _, stderr := run(t, "-config", s.config)
	if code != 1 || !strings.Contains(stderr, "address already in use") {
		t.Errorf("%d %q", code, stderr)
	}
}

func TestDatabaseThatCannotBeOpenedEndsTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(t, "pks-api.db", []byte(strings.Repeat("this is no database ", 100)))
	code, _, stderr := run(t, "-config", s.config)
	if code != 1 || !strings.Contains(stderr, "open the database: ") {
		t.Errorf("%d %q", code, stderr)
	}
}

func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = server.Run(t.Context(), server.Build{Version: "1.2.3", Commit: "abc"}, args, &out, &problems)
	return code, out.String(), problems.String()
}

func TestMetricsHaveAListenerOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "pks-api.yml", append(config, "metrics: {listen: 127.0.0.1:0}\n"...))
	api := s.start(t)
	if status, body := api.call(t, "POST", "/v1/clusters", s.token(t), create); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	<-s.polled // so the operation is under way
	if status, _ := api.call(t, "GET", "/metrics", "", ""); status != http.StatusNotFound {
		t.Errorf("the API's own port has metrics: %d", status)
	}
	address := ""
	for line := range strings.Lines(api.logged()) {
		var record struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &record) == nil && record.Msg == "metrics ready" {
			address = record.Address
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`pks_clusters{last_action="CREATE",last_action_state="in progress"} 1`,
		`pks_api_requests_total{method="POST",route="/v1/clusters",status="202"} 1`,
		`pks_api_database_up 1`,
		`pks_api_build_info{commit="abc",version="1.2.3"} 1`,
		"go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing", want)
		}
	}
}
