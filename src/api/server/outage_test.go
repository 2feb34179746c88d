package server_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite" // driver "sqlite"

	"github.com/pks-community/pks-release/src/store/storetest"
)

// failing is a site whose database a test takes away and gives back.
type failing struct {
	*site
	account  *ledger
	readable bool // while it is away
	ail      func() error
	heal     func() error
}

// onDatabase is a site with that line for its database, and a broker that keeps an
// account.
func onDatabase(t *testing.T, database func(s *site) string) *failing {
	t.Helper()
	f := &failing{site: newSite(t), account: &ledger{instances: map[string]*ledgerEntry{}}}
	broker := httptest.NewTLSServer(f.account)
	t.Cleanup(broker.Close)
	f.write(t, "broker-ca.pem", encode("CERTIFICATE", broker.Certificate().Raw))
	config, err := os.ReadFile(f.config)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(config), "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "database:"):
			lines[i] = "database: " + database(f.site)
		case strings.HasPrefix(line, "broker:"):
			lines[i] = fmt.Sprintf("broker: {url: %s, ca_file: %s/broker-ca.pem, username: api, password: broker-secret, service_id: svc, timeout: 5s}", broker.URL, f.folder)
		}
	}
	f.write(t, "pks-api.yml", []byte(strings.Join(lines, "\n")))
	return f
}

// onFullDisk has its database on a small disk of its own.
func onFullDisk(t *testing.T) *failing {
	disk := t.TempDir()
	if runtime.GOOS != "linux" {
		t.Skip("small disks are made on Linux alone")
	}
	if err := syscall.Mount("pks-api-test", disk, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Skipf("a small disk cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	f := onDatabase(t, func(*site) string { return fmt.Sprintf("{driver: sqlite, path: %s/pks-api.db}", disk) })
	ballast := filepath.Join(disk, "ballast")
	f.readable = true
	f.ail = func() error {
		err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600)
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("the disk is not full: %w", err)
		}
		return nil
	}
	f.heal = func() error { return os.Remove(ballast) }
	return f
}

// onLockedFile has its database held by another program now and then.
func onLockedFile(t *testing.T) *failing {
	f := onDatabase(t, func(s *site) string { return fmt.Sprintf("{driver: sqlite, path: %s/pks-api.db}", s.folder) })
	var other *sql.DB
	var tx *sql.Tx
	f.readable = true
	f.ail = func() (err error) {
		if other, err = sql.Open("sqlite", "file:"+f.folder+"/pks-api.db?_txlock=immediate&_pragma=busy_timeout(10000)"); err != nil {
			return err
		}
		tx, err = other.BeginTx(t.Context(), nil)
		return err
	}
	f.heal = func() error { return errors.Join(tx.Rollback(), other.Close()) }
	return f
}

// onLostServer has its database behind a connection that breaks.
func onLostServer(t *testing.T) *failing {
	database, err := storetest.StartPostgres(t.Context())
	if errors.Is(err, storetest.ErrNoPostgres) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Stop(); err != nil {
			t.Error(err)
		}
	})
	dsn := database.Database(t).Reveal()
	host, rest, _ := strings.Cut(strings.TrimPrefix(dsn, "host="), " ")
	const socket = "/.s.PGSQL.5432"
	folder, err := os.MkdirTemp("", "pks-outage-") // short: sockets' paths have a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	link := &link{listen: folder + socket, to: host + socket}
	if err := link.mend(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = link.cut() })
	f := onDatabase(t, func(s *site) string {
		return "{driver: postgres, dsn_file: " + s.write(t, "dsn", []byte("host="+folder+" "+rest)) + "}"
	})
	f.ail, f.heal = link.cut, link.mend
	return f
}

// link passes connections on to a server until it is cut.
type link struct {
	listen, to string

	listener net.Listener
	group    sync.WaitGroup

	mu   sync.Mutex
	open []net.Conn
}

func (l *link) mend() (err error) {
	if l.listener, err = net.Listen("unix", l.listen); err != nil {
		return err
	}
	l.group.Go(func() {
		for {
			near, err := l.listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", l.to)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.mu.Lock()
			l.open = append(l.open, near, far)
			l.mu.Unlock()
			for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
				l.group.Go(func() {
					_, _ = io.Copy(way[0], way[1])
					_ = near.Close()
					_ = far.Close()
				})
			}
		}
	})
	return nil
}

func (l *link) cut() error {
	err := l.listener.Close()
	l.mu.Lock()
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
	l.mu.Unlock()
	l.group.Wait()
	return err
}

func asked(name string) string {
	return fmt.Sprintf(`{"name":%q,"plan_name":"small","parameters":{"kubernetes_master_host":"%s.example.com"}}`, name, name)
}

// A database that is full, locked or gone: changes are refused with 503 and a time
// to come back at, health is DOWN, and when it is back everything that was
// acknowledged gets done and nothing else is there.
func TestOutageOfTheDatabaseLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T) *failing{"full": onFullDisk, "locked": onLockedFile, "gone": onLostServer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := prepare(t)
			api := f.start(t)
			api.client.Timeout = time.Minute // requests wait for a locked file for some time
			token := f.token(t)
			want := map[string]string{"before": "CREATE succeeded"}
			if status, body := api.call(t, "POST", "/v1/clusters", token, asked("before")); status != http.StatusAccepted {
				t.Fatalf("%d %s", status, body)
			}
			f.await(t, api, token, want)

			if err := f.ail(); err != nil {
				t.Fatal(err)
			}
			refused := ""
			for n := 0; refused == "" && n < 2000; n++ { // a full disk has some room left in its log
				name := fmt.Sprintf("during-%d", n)
				switch status, body := f.post(t, api, token, asked(name)); status {
				case http.StatusAccepted:
					want[name] = "CREATE succeeded"
				case http.StatusServiceUnavailable:
					refused = name
				default:
					t.Fatalf("%s: %d %s", name, status, body)
				}
			}
			if refused == "" {
				t.Fatal("nothing was refused")
			}
			var group errgroup.Group
			for _, change := range []struct{ method, path, body string }{
				{"DELETE", "/v1/clusters/before", ""},
				{"PATCH", "/v1/clusters/before", `{"kubernetes_worker_instances":3}`},
				{"POST", "/v1/quotas", `{"owner":"alana","limit":{"cluster":5}}`},
			} {
				group.Go(func() error {
					if status, body := api.call(t, change.method, change.path, token, change.body); status != http.StatusServiceUnavailable {
						t.Errorf("%s %s: %d %s", change.method, change.path, status, body)
					}
					return nil
				})
			}
			group.Go(func() error {
				if status, body := api.call(t, "GET", "/actuator/health", "", ""); status != http.StatusServiceUnavailable || body != `{"status":"DOWN"}` {
					t.Errorf("health: %d %s", status, body)
				}
				readStatus := http.StatusServiceUnavailable
				if f.readable {
					readStatus = http.StatusOK
				}
				if status, body := api.call(t, "GET", "/v1/clusters/before", token, ""); status != readStatus {
					t.Errorf("read: %d %s", status, body)
				}
				return nil
			})
			_ = group.Wait()

			if err := f.heal(); err != nil {
				t.Fatal(err)
			}
			f.await(t, api, token, want)
			f.awaitHealth(t, api)
			if status, body := api.call(t, "POST", "/v1/clusters", token, asked(refused)); status != http.StatusAccepted {
				t.Errorf("what was refused, again: %d %s", status, body)
			}
			want[refused] = "CREATE succeeded"
			f.await(t, api, token, want)
			f.account.mu.Lock()
			defer f.account.mu.Unlock()
			if len(f.account.instances) != len(want) || len(f.account.faults) != 0 {
				t.Errorf("the broker made %d of %d instances; %q", len(f.account.instances), len(want), f.account.faults)
			}
		})
	}
}

// post sends a create, and wants a time to come back at from whoever refuses it.
func (f *failing) post(t *testing.T, api *running, token, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api.url+"/v1/clusters", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := api.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") == "" {
		t.Errorf("503 without Retry-After: %s", text)
	}
	return answer.StatusCode, string(text)
}

// awaitHealth asks until the server is UP: it keeps what it found for a moment.
func (f *failing) awaitHealth(t *testing.T, api *running) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		status, body := api.call(t, "GET", "/actuator/health", "", "")
		if status == http.StatusOK {
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("health: %d %s", status, body)
		}
	}
}

// await looks at the list of clusters until it is as wanted.
func (f *failing) await(t *testing.T, api *running, token string, want map[string]string) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		got := map[string]string{}
		status, body := api.call(t, "GET", "/v1/clusters", token, "")
		if status == http.StatusOK {
			var clusters []struct {
				Name   string `json:"name"`
				Action string `json:"last_action"`
				State  string `json:"last_action_state"`
			}
			if err := json.Unmarshal([]byte(body), &clusters); err != nil {
				t.Fatal(err)
			}
			for _, c := range clusters {
				got[c.Name] = c.Action + " " + c.State
			}
		}
		if maps.Equal(got, want) {
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("(-want +got):\n%s", cmp.Diff(want, got))
		}
	}
}
