package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/pks-community/pks-release/src/store/storetest"
)

func TestBackupAndRestoreOfSQLite(t *testing.T) {
	t.Parallel()
	c := startControl(t, nil)
	c.backupAndRestore(func() {
		if err := os.RemoveAll(c.path("store/pks-api")); err != nil {
			t.Fatal(err)
		}
		c.mkdir("store/pks-api")
	})
}

// restorer stands for the job database-backup-restorer of backup-and-restore-sdk
// (reference/bosh-release.md §13): its scripts, and what they do with PostgreSQL.
const restorer = `#!/bin/bash
set -euo pipefail
[[ $1 == --config && $3 == --artifact-file ]]
setting() { ruby -rjson -e 'puts JSON.parse(File.read(ARGV[0])).fetch(ARGV[1])' "$2" "$1"; }
[[ $(setting adapter "$2") == postgres ]]
PGHOST=$(setting host "$2") PGPORT=$(setting port "$2") PGUSER=$(setting username "$2") PGPASSWORD=$(setting password "$2")
export PGHOST PGPORT PGUSER PGPASSWORD
case $0 in
*/backup) exec pg_dump --format=custom --file="$4" "$(setting database "$2")" ;;
*/restore) exec pg_restore --clean --if-exists --exit-on-error --dbname="$(setting database "$2")" "$4" ;;
esac
`

func TestBackupAndRestoreOfPostgreSQL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("pg_dump"); err != nil {
		t.Skip("there is no pg_dump")
	}
	server, err := storetest.StartPostgres(t.Context())
	if errors.Is(err, storetest.ErrNoPostgres) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	dsn := server.Database(t).Reveal()
	values := map[string]string{}
	for part := range strings.FieldsSeq(dsn) {
		key, value, _ := strings.Cut(part, "=")
		values[key] = value
	}
	c := startControl(t, map[string]any{
		"driver": "postgres", "host": values["host"], "name": values["dbname"], "username": values["user"], "password": "none", "sslmode": "disable",
	})
	for _, name := range []string{"backup", "restore"} {
		c.write("jobs/database-backup-restorer/bin/"+name, []byte(restorer))
	}
	c.backupAndRestore(func() {
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if _, err := db.ExecContext(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
			t.Fatal(err)
		}
	})
}

// backupAndRestore makes a backup while clusters are made, has everything destroyed,
// and wants every cluster back that had been acknowledged before the backup.
func (c *control) backupAndRestore(destroy func()) {
	t, s := c.t, c.s
	t.Helper()
	token := s.token("admin")
	artifact := t.TempDir()

	acknowledged := []string{}
	for i := range 4 { // whose operations are under way from now on
		name := fmt.Sprintf("before-%d", i)
		if status := c.create(token, name); status != http.StatusAccepted {
			t.Fatalf("create %s: %d", name, status)
		}
		acknowledged = append(acknowledged, name)
	}
	c.mustBBR("pre-backup-lock", artifact)
	if status := c.create(token, "meanwhile"); status != http.StatusServiceUnavailable {
		t.Errorf("a change while the backup is made: %d", status)
	}
	if names := c.names(); len(names) != len(acknowledged) {
		t.Errorf("while the backup is made the clusters are %v", names)
	}
	c.mustBBR("backup", artifact)
	c.mustBBR("post-backup-unlock", artifact)
	c.mustBBR("post-backup-unlock", artifact) // also after a lock that failed
	if status := c.create(token, "later"); status != http.StatusAccepted {
		t.Errorf("a change after the backup: %d", status)
	}
	if files, err := filepath.Glob(filepath.Join(artifact, "*")); err != nil || len(files) != 1 {
		t.Errorf("the artifact holds %v: %v", files, err)
	}

	c.mustBBR("pre-restore-lock", artifact)
	if pid := c.pid("pks-api"); pid != 0 {
		t.Fatalf("pks-api runs as %d while its database is replaced", pid)
	}
	destroy()
	c.mustBBR("restore", artifact)
	c.mustBBR("post-restore-unlock", artifact)
	c.mustBBR("post-restore-unlock", artifact) // also without a lock

	names := c.names()
	if names["later"] || len(names) != len(acknowledged) {
		t.Errorf("after the restore the clusters are %v", names)
	}
	for _, name := range acknowledged { // what was under way goes on
		s.must(s.pks("watch", name))
		if got := s.cluster(name); got.State != "succeeded" {
			t.Errorf("%s after the restore: %+v", name, got)
		}
	}
}

// create asks the API of the jobs for a cluster and returns the status.
func (c *control) create(token, name string) int {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	body := fmt.Sprintf(`{"name":%q,"plan_name":"small","parameters":{"kubernetes_master_host":"%s.pks.local"}}`, name, name)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/clusters", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := c.s.client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

// mustBBR runs a script as BOSH Backup and Restore does.
func (c *control) mustBBR(name, artifact string) {
	c.t.Helper()
	c.must([]string{"BBR_ARTIFACT_DIRECTORY=" + artifact + "/"}, script("bbr-pks-api", "bbr/"+name))
}
