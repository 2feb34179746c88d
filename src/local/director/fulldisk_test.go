package director_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// A task whose beginning or end cannot be stored, as on a full disk, goes on as soon as it can.
func TestATaskOutlastsATimeInWhichNothingCanBeStored(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"processing", "done"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			b := start(t, setup{dir: dir})
			db, err := sql.Open("sqlite", filepath.Join(dir, "director.db")+"?_pragma=busy_timeout(5000)")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			// The trigger counts its victims: what it raises undoes its own writes, so FAIL, which keeps them.
			for _, statement := range []string{
				"CREATE TABLE full (times INTEGER)", "INSERT INTO full VALUES (0)",
				"CREATE TRIGGER full BEFORE UPDATE OF state ON tasks WHEN NEW.state = '" + state + "' " +
					"BEGIN UPDATE full SET times = times + 1; SELECT RAISE(FAIL, 'disk is full'); END",
			} {
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			id := b.accepted(b.do("POST", "/deployments", strings.Replace(d1, "instances: 4", "instances: 0", 1), "Content-Type", "text/yaml"))
			b.await(id, func(task) bool {
				times := 0
				if err := db.QueryRowContext(t.Context(), "SELECT times FROM full").Scan(&times); err != nil {
					t.Fatal(err)
				}
				return times > 1
			})
			if now := b.task(id); now.State == "done" || now.State == "error" {
				t.Errorf("the task is %+v", now)
			}
			if _, err := db.ExecContext(t.Context(), "DROP TRIGGER full"); err != nil {
				t.Fatal(err)
			}
			if ended := b.finish(id); ended.State != "done" {
				t.Errorf("the task ended %+v", ended)
			}
		})
	}
}
