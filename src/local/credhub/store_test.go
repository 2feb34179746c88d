package credhub_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/credhub"
)

func open(t *testing.T, path string) *credhub.Store {
	t.Helper()
	store, err := credhub.Open(t.Context(), path, credhub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func fresh(t *testing.T) *credhub.Store { return open(t, filepath.Join(t.TempDir(), "credhub.db")) }

func generate(t *testing.T, store *credhub.Store, r credhub.Request) credhub.Credential {
	t.Helper()
	c, _, err := store.Generate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheFileIsReadableByItsOwnerOnlyAndSurvives(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "credhub.db")
	store, err := credhub.Open(t.Context(), path, credhub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := generate(t, store, credhub.Request{Name: "/d/dep/pw", Type: "password"})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
	got, err := open(t, path).Get(t.Context(), "/d/dep/pw")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestModesDecideWhetherAVersionIsMade(t *testing.T) {
	t.Parallel()
	store := fresh(t)
	request := func(mode credhub.Mode, length int) credhub.Request {
		return credhub.Request{Name: "/a", Type: "password", Mode: mode, Parameters: map[string]any{"length": length}}
	}
	first := generate(t, store, request("", 10))
	if kept := generate(t, store, request(credhub.NoOverwrite, 20)); kept.ID != first.ID {
		t.Error("no-overwrite made a version")
	}
	if kept := generate(t, store, request(credhub.Converge, 10)); kept.ID != first.ID {
		t.Error("converge to the same parameters made a version")
	}
	converged := generate(t, store, request(credhub.Converge, 20))
	if text, _ := converged.Value.(string); converged.ID == first.ID || len(text) != 20 {
		t.Errorf("converge gave %d characters", len(text))
	}
	if over := generate(t, store, request(credhub.Overwrite, 20)); over.ID == converged.ID {
		t.Error("overwrite made no version")
	}
	versions, err := store.Versions(t.Context(), "/a", 0)
	if err != nil || len(versions) != 3 || versions[2].ID != first.ID {
		t.Errorf("versions are %d, %v", len(versions), err)
	}
	if _, _, err := store.Generate(t.Context(), request("sometimes", 1)); !errors.Is(err, credhub.ErrBadRequest) {
		t.Errorf("unknown mode: %v", err)
	}
}

func TestGeneratingAtTheSameTimeMakesOneVersion(t *testing.T) {
	t.Parallel()
	store := fresh(t)
	ids := make([]string, 20)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			c, _, err := store.Generate(t.Context(), credhub.Request{Name: "/a", Type: "password"})
			if err != nil {
				t.Error(err)
			}
			ids[i] = c.ID
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("ids are %q", ids)
		}
	}
}

// certificate returns the parsed certificate of a credential.
func certificate(t *testing.T, c credhub.Credential) *x509.Certificate {
	t.Helper()
	fields, _ := c.Value.(map[string]any)
	text, _ := fields["certificate"].(string)
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("no certificate")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestCertificatesAreWhatTheirParametersSay(t *testing.T) {
	t.Parallel()
	store := fresh(t)
	ca := generate(t, store, credhub.Request{Name: "/ca", Type: "certificate", Parameters: map[string]any{"is_ca": true, "common_name": "ca"}})
	leaf := generate(t, store, credhub.Request{Name: "/leaf", Type: "certificate", Parameters: map[string]any{
		"ca": "/ca", "common_name": "master.cfcr.internal", "organization": "system:masters", "duration": 1461,
		"alternative_names":  []any{"10.100.200.1", "kubernetes", "*.etcd.cfcr.internal"},
		"extended_key_usage": []any{"client_auth", "server_auth"}, "key_usage": []any{"digital_signature", "key_encipherment"},
	}})
	root, got := certificate(t, ca), certificate(t, leaf)
	type view struct {
		CN, O    string
		DNS, IPs []string
		CA       bool
		Usage    x509.KeyUsage
		Extended []x509.ExtKeyUsage
		Days     int
	}
	seen := view{
		CN: got.Subject.CommonName, O: strings.Join(got.Subject.Organization, ","), DNS: got.DNSNames, IPs: []string{got.IPAddresses[0].String()},
		CA: got.IsCA, Usage: got.KeyUsage, Extended: got.ExtKeyUsage, Days: int(got.NotAfter.Sub(got.NotBefore).Hours() / 24),
	}
	want := view{
		CN: "master.cfcr.internal", O: "system:masters", DNS: []string{"kubernetes", "*.etcd.cfcr.internal"}, IPs: []string{"10.100.200.1"},
		Usage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, Days: 1461,
		Extended: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	if _, err := got.Verify(x509.VerifyOptions{Roots: pool, DNSName: "kubernetes"}); err != nil {
		t.Error(err)
	}
	caFields, _ := ca.Value.(map[string]any)
	leafFields, _ := leaf.Value.(map[string]any)
	if leafFields["ca"] != caFields["certificate"] || caFields["ca"] != caFields["certificate"] {
		t.Error("the chain is not in the values")
	}
}

func TestAnIntermediateCASignsToo(t *testing.T) {
	t.Parallel()
	store := fresh(t)
	root := generate(t, store, credhub.Request{Name: "/root", Type: "certificate", Parameters: map[string]any{"is_ca": true, "common_name": "root"}})
	middle := generate(t, store, credhub.Request{Name: "/middle", Type: "certificate", Parameters: map[string]any{"is_ca": true, "ca": "/root", "common_name": "middle"}})
	leaf := generate(t, store, credhub.Request{Name: "/leaf", Type: "certificate", Parameters: map[string]any{"ca": "/middle", "common_name": "leaf"}})
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(certificate(t, root))
	intermediates.AddCert(certificate(t, middle))
	if _, err := certificate(t, leaf).Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
		t.Error(err)
	}
}

func TestKeysOfOtherKinds(t *testing.T) {
	t.Parallel()
	store := fresh(t)
	for kind, prefixes := range map[string]map[string]string{
		"rsa":  {"private_key": "-----BEGIN RSA PRIVATE KEY-----", "public_key": "-----BEGIN PUBLIC KEY-----"},
		"ssh":  {"private_key": "-----BEGIN RSA PRIVATE KEY-----", "public_key": "ssh-rsa "},
		"user": {"username": "", "password": ""},
	} {
		fields, _ := generate(t, store, credhub.Request{Name: "/" + kind, Type: kind}).Value.(map[string]any)
		for field, prefix := range prefixes {
			if text, _ := fields[field].(string); text == "" || !strings.HasPrefix(text, prefix) {
				t.Errorf("%s of %s does not begin with %q", field, kind, prefix)
			}
		}
	}
}

func TestRequestsThatCannotBeMet(t *testing.T) {
	t.Parallel()
	store := fresh(t)
	generate(t, store, credhub.Request{Name: "/pw", Type: "password"})
	generate(t, store, credhub.Request{Name: "/self", Type: "certificate", Parameters: map[string]any{"self_sign": true, "common_name": "x"}})
	for name, r := range map[string]credhub.Request{
		"unknown type":        {Type: "poem"},
		"no subject":          {Type: "certificate", Parameters: map[string]any{"is_ca": true}},
		"no signer":           {Type: "certificate", Parameters: map[string]any{"common_name": "x"}},
		"missing CA":          {Type: "certificate", Parameters: map[string]any{"common_name": "x", "ca": "/nope"}},
		"CA is a password":    {Type: "certificate", Parameters: map[string]any{"common_name": "x", "ca": "/pw"}},
		"CA is a leaf":        {Type: "certificate", Parameters: map[string]any{"common_name": "x", "ca": "/self"}},
		"unknown usage":       {Type: "certificate", Parameters: map[string]any{"common_name": "x", "is_ca": true, "extended_key_usage": []any{"all"}}},
		"duration of 0 days":  {Type: "certificate", Parameters: map[string]any{"common_name": "x", "is_ca": true, "duration": 0}},
		"odd key length":      {Type: "rsa", Parameters: map[string]any{"key_length": 1000}},
		"password of nothing": {Type: "password", Parameters: map[string]any{"exclude_lower": true, "exclude_upper": true, "exclude_number": true}},
		"length as text":      {Type: "password", Parameters: map[string]any{"length": "ten"}},
	} {
		r.Name = "/refused"
		if _, _, err := store.Generate(t.Context(), r); !errors.Is(err, credhub.ErrBadRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := store.Get(t.Context(), "/refused"); !errors.Is(err, credhub.ErrNotFound) {
		t.Errorf("something was stored: %v", err)
	}
}

func TestFindAndDelete(t *testing.T) {
	t.Parallel()
	store := fresh(t)
	for _, name := range []string{"/d/one/a", "/d/one/b", "/d/onemore/c"} {
		if _, err := store.Set(t.Context(), name, "value", "x"); err != nil {
			t.Fatal(err)
		}
	}
	names := func(path, text string) []string {
		found, err := store.Find(t.Context(), path, text)
		if err != nil {
			t.Fatal(err)
		}
		out := []string{}
		for _, c := range found {
			out = append(out, c.Name)
		}
		return out
	}
	if diff := cmp.Diff([]string{"/d/one/b", "/d/one/a"}, names("/d/one", "")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/d/onemore/c"}, names("", "MORE")); diff != "" {
		t.Error(diff)
	}
	if err := store.Delete(t.Context(), "/d/one/a"); err != nil {
		t.Error(err)
	}
	if err := store.Delete(t.Context(), "/d/one/a"); !errors.Is(err, credhub.ErrNotFound) {
		t.Errorf("second delete: %v", err)
	}
}

func TestACredentialKeepsItsType(t *testing.T) {
	t.Parallel()
	store := fresh(t)
	before := generate(t, store, credhub.Request{Name: "/x", Type: credhub.TypePassword})
	for _, mode := range []credhub.Mode{"", credhub.NoOverwrite, credhub.Overwrite, credhub.Converge} {
		for _, kind := range []string{credhub.TypeUser, "zzz"} {
			if _, _, err := store.Generate(t.Context(), credhub.Request{Name: "/x", Type: kind, Mode: mode}); !errors.Is(err, credhub.ErrBadRequest) {
				t.Errorf("generate %q with mode %q: %v", kind, mode, err)
			}
		}
	}
	if _, err := store.Set(t.Context(), "/x", credhub.TypeUser, map[string]any{"username": "a", "password": "b"}); !errors.Is(err, credhub.ErrBadRequest) {
		t.Errorf("set: %v", err)
	}
	after, err := store.Get(t.Context(), "/x")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}
