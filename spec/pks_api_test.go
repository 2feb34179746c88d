package spec

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/api/config"
	"github.com/pks-community/pks-release/src/local/erb"
	"github.com/pks-community/pks-release/src/pks"
)

// The driver that will read the connection string takes the values as they were.
func TestConnectionStringCarriesAnyText(t *testing.T) {
	t.Parallel()
	needRuby(t)
	for name, text := range map[string]string{
		"plain": "db.example.com", "spaces": " a b ", "quotes": `a'b"c`, "backslash": `a\b\'`, "unicode": "пароль😀", "code": "#{1} $(id) <%= 1 %>", "empty-like": "''",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := readCases(t, "pks-api").Cases["least"]
			d.Properties = set(d.Properties, "database", map[string]any{
				"driver": "postgres", "host": "db.example.com", "port": 5433, "sslmode": "disable",
				"username": text, "password": text, "name": text,
			})
			dsn := strings.TrimSuffix(string(rendered(t, "pks-api", d)["config/database.dsn"]), "\n")
			parsed, err := pgx.ParseConfig(dsn)
			if err != nil {
				t.Fatal(err)
			}
			type server struct {
				Host, User, Password, Database string
				Port                           uint16
			}
			want := server{"db.example.com", text, text, text, 5433}
			if diff := cmp.Diff(want, server{parsed.Host, parsed.User, parsed.Password, parsed.Database, parsed.Port}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The manifest says what a cluster is like once: for the broker.
func TestPlansComeFromTheBroker(t *testing.T) {
	t.Parallel()
	needRuby(t)
	files := rendered(t, "pks-api", readCases(t, "pks-api").Cases["by links"])
	got, err := config.Parse(files["config/pks-api.yml"])
	if err != nil {
		t.Fatal(err)
	}
	medium, large := pks.MachineSize{CPU: 2, MemoryMB: 4096}, pks.MachineSize{CPU: 4, MemoryMB: 8192}
	want := []pks.Plan{
		{
			ID: "8a0e21a8-8072-4d80-b365-d1f502085560", Name: "small", Description: "1 master and up to 10 workers",
			MasterInstances: 1, WorkerInstances: 3, MaxWorkerInstances: 10, AllowPrivilegedContainers: true, CNI: pks.CNIFlannel, MasterVM: medium, WorkerVM: large,
		},
		{
			ID: "58375a45-17f7-4291-acf1-455bfdc8e371", Name: "medium", Description: "3 masters",
			MasterInstances: 3, WorkerInstances: 3, MaxWorkerInstances: 50, CNI: pks.CNIFlannel, MasterVM: medium, WorkerVM: large,
		},
	}
	if diff := cmp.Diff(want, got.Plans); diff != "" {
		t.Error(diff)
	}
	wantBroker := config.Broker{
		URL: "https://q-s0.pivotal-container-service.default.pks.bosh:8080", CAFile: "/var/vcap/jobs/pks-api/config/broker_ca.pem",
		Username: "pks-api", Password: "link's", ServiceID: "9f3fd1a6-5b02-4a2c-9ac7-0bd8cbd7c1a5", Timeout: got.Broker.Timeout,
	}
	if diff := cmp.Diff(wantBroker, got.Broker); diff != "" {
		t.Error(diff)
	}
}

// A key of the program's configuration that no property reaches could not be set.
func TestEveryKeyOfTheAPIsConfigurationIsRendered(t *testing.T) {
	t.Parallel()
	needRuby(t)
	files := rendered(t, "pks-api", readCases(t, "pks-api").Cases["all"])
	var tree map[string]any
	if err := yaml.Unmarshal(files["config/pks-api.yml"], &tree); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(config.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]any
	if err := yaml.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	for _, key := range leaves(known, "") {
		if key == "database.path" { // of the other kind of database
			continue
		}
		if get(tree, key) == nil {
			t.Errorf("%s is not rendered", key)
		}
	}
}

func rendered(t *testing.T, job string, d deployed) map[string][]byte {
	t.Helper()
	files, err := erb.Render(t.Context(), filepath.Join(jobsDir, job), d.input(true))
	if err != nil {
		t.Fatal(err)
	}
	return files
}
