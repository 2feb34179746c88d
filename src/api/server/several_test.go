package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/store/storetest"
)

// ledger is a broker that keeps its promises, and an account of what it was asked.
type ledger struct {
	mu        sync.Mutex
	instances map[string]*ledgerEntry
	faults    []string
}

type ledgerEntry struct {
	operation string // X-Broker-API-Request-Identity of the first provision
	looks     int
}

const looksOfATask = 3

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	parts := strings.Split(r.URL.Path, "/")
	id := parts[3]
	w.Header().Set("Content-Type", "application/json")
	entry := l.instances[id]
	switch {
	case r.Method == http.MethodPut:
		operation := r.Header.Get("X-Broker-Api-Request-Identity")
		switch {
		case entry == nil:
			l.instances[id] = &ledgerEntry{operation: operation}
		case entry.operation != operation:
			l.faults = append(l.faults, "instance "+id+" is provisioned by two operations")
		}
		// The same operation may ask again: what a server sent before it was killed can
		// arrive after its successor has taken over. It is the same task.
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"operation":"task"}`)
	case entry == nil:
		l.faults = append(l.faults, r.Method+" "+r.URL.Path+" of an instance that was never asked for")
		w.WriteHeader(http.StatusNotFound)
	case strings.HasSuffix(r.URL.Path, "/last_operation"):
		state := "in progress"
		if entry.looks++; entry.looks >= looksOfATask {
			state = "succeeded"
		}
		_, _ = fmt.Fprintf(w, `{"state":%q}`, state)
	case strings.HasSuffix(r.URL.Path, "/vms"):
		_, _ = io.WriteString(w, `{"instance_groups":{"master":["10.0.0.2"]}}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{}`)
	}
}

// fleet is several pks-api on one database, of which one is killed now and then.
type fleet struct {
	site *site

	mu       sync.Mutex
	commands []*exec.Cmd
	members  []*running
}

func (f *fleet) member(i int) *running {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.members[i%len(f.members)]
}

// kill ends one member without notice and starts another in its place.
func (f *fleet) kill(t *testing.T, i int) {
	f.mu.Lock()
	victim := f.commands[i]
	f.mu.Unlock()
	if err := victim.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = victim.Wait() // it was killed
	command, member := f.site.process(t)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands[i], f.members[i] = command, member
}

// create asks one member after another until one acknowledges.
func (f *fleet) create(ctx context.Context, token, name string, first int) error {
	body := fmt.Sprintf(`{"name":%q,"plan_name":"small","parameters":{"kubernetes_master_host":"%s.example.com"}}`, name, name)
	for try := first; ; try++ {
		member := f.member(try)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, member.url+"/v1/clusters", strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", name)
		answer, err := member.client.Do(r)
		if ctx.Err() != nil {
			return fmt.Errorf("%s was never acknowledged: %w", name, err)
		}
		if err != nil {
			continue // the member was killed; another takes the same request
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		switch {
		case err != nil, answer.StatusCode == http.StatusServiceUnavailable:
			continue
		case answer.StatusCode == http.StatusAccepted:
			return nil
		default:
			return fmt.Errorf("%s: %d %s", name, answer.StatusCode, text)
		}
	}
}

// DESIGN law 1 for several servers on one database: whatever is killed, no
// acknowledged request is lost and none is carried out twice.
func TestServersOnOneDatabaseAreKilledUnderLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes half a minute")
	}
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
	s := newSite(t)
	account := &ledger{instances: map[string]*ledgerEntry{}}
	broker := httptest.NewTLSServer(account)
	t.Cleanup(broker.Close)
	s.write(t, "broker-ca.pem", encode("CERTIFICATE", broker.Certificate().Raw))
	s.write(t, "dsn", []byte(database.Database(t).Reveal()))
	config, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(config), "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "database:"):
			lines[i] = "database: {driver: postgres, dsn_file: " + s.folder + "/dsn}"
		case strings.HasPrefix(line, "broker:"):
			lines[i] = fmt.Sprintf("broker: {url: %s, ca_file: %s/broker-ca.pem, username: api, password: broker-secret, service_id: svc, timeout: 5s}", broker.URL, s.folder)
		}
	}
	s.write(t, "pks-api.yml", []byte(strings.Join(lines, "\n")))

	f := &fleet{site: s}
	for range 3 {
		command, member := s.process(t)
		f.commands, f.members = append(f.commands, command), append(f.members, member)
	}
	token := s.token(t)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second) // a quarter of a minute on an idle machine
	defer cancel()
	loading, stopLoading := context.WithTimeout(ctx, 8*time.Second)
	defer stopLoading()

	const clients = 6
	acknowledged := make([][]string, clients)
	var work sync.WaitGroup
	for c := range clients {
		work.Go(func() {
			pause := time.NewTicker(60 * time.Millisecond)
			defer pause.Stop()
			for n := 0; loading.Err() == nil; n++ {
				name := fmt.Sprintf("c%d-%d", c, n)
				if err := f.create(ctx, token, name, c+n); err != nil {
					t.Error(err)
					return
				}
				acknowledged[c] = append(acknowledged[c], name)
				<-pause.C
			}
		})
	}
	kills := time.NewTicker(1500 * time.Millisecond)
	defer kills.Stop()
	for i := 0; loading.Err() == nil; i++ {
		select {
		case <-kills.C:
			f.kill(t, i%3)
		case <-loading.Done():
		}
	}
	work.Wait()

	want := map[string]string{}
	for _, names := range acknowledged {
		for _, name := range names {
			want[name] = "CREATE succeeded"
		}
	}
	var got map[string]string
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	for !maps.Equal(got, want) && ctx.Err() == nil {
		<-look.C
		got = map[string]string{}
		status, body := f.member(0).call(t, "GET", "/v1/clusters", token, "")
		var clusters []struct {
			Name   string `json:"name"`
			Action string `json:"last_action"`
			State  string `json:"last_action_state"`
		}
		if err := json.Unmarshal([]byte(body), &clusters); err != nil || status != http.StatusOK {
			t.Fatalf("%d %v", status, err)
		}
		for _, c := range clusters {
			got[c.Name] = c.Action + " " + c.State
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	account.mu.Lock()
	defer account.mu.Unlock()
	if len(account.instances) != len(want) {
		t.Errorf("%d clusters were acknowledged, the broker has %d", len(want), len(account.instances))
	}
	slices.Sort(account.faults)
	for _, fault := range slices.Compact(account.faults) {
		t.Error(fault)
	}
	t.Logf("%d clusters", len(want))
}
