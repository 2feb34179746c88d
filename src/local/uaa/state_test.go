package uaa_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/pks"
	client "github.com/pks-community/pks-release/src/uaa"
	"github.com/pks-community/pks-release/src/uaa/uaatest"
)

func newClient(t testing.TB, target uaatest.Target, id string, secret pks.Secret) *client.Client {
	t.Helper()
	c, err := client.NewClient(client.ClientConfig{Connection: client.Connection{URL: target.URL, CA: target.CA}, ClientID: id, ClientSecret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func newVerifier(t testing.TB, target uaatest.Target, issuer string, now func() time.Time) *client.Verifier {
	t.Helper()
	v, err := client.NewVerifier(client.VerifierConfig{
		Connection: client.Connection{URL: target.URL, CA: target.CA}, Issuer: issuer, Now: now,
		ClientID: "pks_client", ClientSecret: "pks-client-secret", Audiences: []string{client.DefaultAudience},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// copyState copies the files as they are while the server runs: what a kill
// leaves behind.
func copyState(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestStateSurvivesAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, target := start(t, func(c *uaa.Config) { c.Dir = dir })
	cli := newClient(t, target, "pks_cli", "")
	tokens, err := cli.Password(t.Context(), "alana", "alana-password")
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := cli.Refresh(t.Context(), tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	issuer := target.URL + "/oauth/token"
	_, after := start(t, func(c *uaa.Config) {
		c.Dir, c.Issuer, c.SigningKey = copyState(t, dir), issuer, nil
		c.Users = []uaa.User{{Name: "alana", Password: "another", Groups: []string{"pks.clusters.manage"}}}
		c.Clients[3].Secret = "another"
	})
	cli = newClient(t, after, "pks_cli", "")
	if _, err := cli.Refresh(t.Context(), tokens.Refresh); !errors.Is(err, client.ErrSessionExpired) {
		t.Errorf("a refresh token used before the kill gives %v", err)
	}
	if _, err := cli.Refresh(t.Context(), renewed.Refresh); err != nil {
		t.Errorf("the refresh token: %v", err)
	}
	token, err := newVerifier(t, after, issuer, nil).Verify(t.Context(), renewed.Access.Reveal())
	if err != nil || !token.Has(client.ScopeAdmin) {
		t.Errorf("the access token is %+v, error %v", token, err)
	}
	if _, err := cli.Password(t.Context(), "alana", "alana-password"); err != nil {
		t.Errorf("the user was overwritten by the configuration: %v", err)
	}
	if _, err := newClient(t, after, "admin", adminSecret).ClientCredentials(t.Context()); err != nil {
		t.Errorf("the client was overwritten by the configuration: %v", err)
	}
}

// A newer version of the product may want the log-in with a browser.
func TestConfiguredClientsGainWhatTheyLack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, func(c *uaa.Config) {
		c.Dir, c.Clients = dir, uaa.DefaultClients(uaa.Secrets{Admin: adminSecret, PKSClient: "s"})
	})
	_, target := start(t, func(c *uaa.Config) { c.Dir, c.SigningKey = copyState(t, dir), nil })
	b := newBrowser(t, target)
	status, location := b.login("/oauth/authorize?response_type=code&client_id=pks_cli&redirect_uri="+redirect, "alana-password")
	if status != 302 || !strings.HasPrefix(location, "/oauth/authorize") {
		t.Errorf("status %d to %s", status, location)
	}
}

func TestStateIsForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "uaa")
	_, target := start(t, func(c *uaa.Config) { c.Dir = dir })
	if _, err := newClient(t, target, "pks_cli", "").Password(t.Context(), "alana", "alana-password"); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if entry.IsDir() {
			return nil
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), "alana-password") || strings.Contains(string(content), adminSecret) {
			t.Errorf("%s holds a password", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRefreshTokenIsGoodOnce(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	cli := newClient(t, target, "pks_cli", "")
	tokens, err := cli.Password(t.Context(), "alana", "alana-password")
	if err != nil {
		t.Fatal(err)
	}
	var (
		work sync.WaitGroup
		mu   sync.Mutex
		good int
	)
	for range 8 {
		work.Go(func() {
			_, err := cli.Refresh(t.Context(), tokens.Refresh)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				good++
			} else if !errors.Is(err, client.ErrSessionExpired) {
				t.Errorf("error is %v", err)
			}
		})
	}
	work.Wait()
	if good != 1 {
		t.Fatalf("the refresh token worked %d times, want once", good)
	}
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestSessionEndsWithItsLifetimes(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Now()}
	server, target := start(t, func(config *uaa.Config) { config.Clock = c.read })
	cli := newClient(t, target, "pks_cli", "")
	v := newVerifier(t, target, server.Issuer(), c.read)
	tokens, err := cli.Password(t.Context(), "alana", "alana-password")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), tokens.Access.Reveal()); err != nil {
		t.Fatal(err)
	}
	c.advance(631 * time.Second)
	if _, err := v.Verify(t.Context(), tokens.Access.Reveal()); err == nil {
		t.Error("the access token outlives 600 s and the skew")
	}
	renewed, err := cli.Refresh(t.Context(), tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	c.advance((21600 - 631) * time.Second)
	if _, err := cli.Refresh(t.Context(), renewed.Refresh); !errors.Is(err, client.ErrSessionExpired) {
		t.Errorf("after 21600 s a refresh gives %v", err)
	}
}

func TestLockoutEndsByItself(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Now()}
	_, target := start(t, func(config *uaa.Config) { config.Clock = c.read })
	cli := newClient(t, target, "pks_cli", "")
	for range 5 {
		if _, err := cli.Password(t.Context(), "alana", "wrong"); !errors.Is(err, client.ErrCredentialsRejected) {
			t.Fatal(err)
		}
	}
	if _, err := cli.Password(t.Context(), "alana", "alana-password"); !errors.Is(err, client.ErrCredentialsRejected) {
		t.Fatalf("a locked user gets %v", err)
	}
	c.advance(301 * time.Second)
	if _, err := cli.Password(t.Context(), "alana", "alana-password"); err != nil {
		t.Fatal(err)
	}
}

func TestRotatedKeyKeepsOldTokensGoodOnce(t *testing.T) {
	t.Parallel()
	server, target := start(t)
	cli := newClient(t, target, "pks_cli", "")
	var tokens []string
	login := func() {
		t.Helper()
		answer, err := cli.Password(t.Context(), "alana", "alana-password")
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, answer.Access.Reveal())
	}
	rotate := func(want string) {
		t.Helper()
		if id, err := server.RotateKey(); err != nil || id != want {
			t.Fatalf("new key is %q, error %v, want %q", id, err, want)
		}
	}
	good := func() []bool {
		v := newVerifier(t, target, server.Issuer(), nil)
		var verdicts []bool
		for _, raw := range tokens {
			_, err := v.Verify(t.Context(), raw)
			verdicts = append(verdicts, err == nil)
		}
		return verdicts
	}
	login()
	rotate("key-2")
	login()
	if got := good(); !got[0] || !got[1] {
		t.Fatalf("after one rotation the verdicts are %v", got)
	}
	rotate("key-3")
	login()
	if got := good(); got[0] || !got[1] || !got[2] {
		t.Fatalf("after two rotations the verdicts are %v", got)
	}
}

func TestConfigurationMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for part, change := range map[string]func(*uaa.Config){
		"base URL":    func(c *uaa.Config) { c.BaseURL = "127.0.0.1:8443" },
		"folder":      func(c *uaa.Config) { c.Dir = "" },
		"client ci":   func(c *uaa.Config) { c.Clients = []uaa.Client{{ID: "ci", GrantTypes: []string{"client_credentials"}}} },
		"user nobody": func(c *uaa.Config) { c.Users = []uaa.User{{Name: "nobody"}} },
	} {
		config := uaa.Config{Dir: t.TempDir(), BaseURL: "https://127.0.0.1:8443", SigningKey: signingKey()}
		change(&config)
		if _, err := uaa.New(config); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error is %v, want one about %q", err, part)
		}
	}
}
