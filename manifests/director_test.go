package manifests_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/foreign"
	"github.com/pks-community/pks-release/src/local/machine"
)

// sharedKey is used for all certificates that Directors make: making keys takes long.
var sharedKey = func() func(int) (*rsa.PrivateKey, error) {
	once := sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	return func(int) (*rsa.PrivateKey, error) { return once() }
}()

// bench is an embedded Director, which knows some releases and stemcells and nothing else.
type bench struct {
	env         []string // for the bosh CLI
	credentials *credhub.Store
	machines    *recorder
}

// recorder keeps what machines were told to be.
type recorder struct {
	*machine.Simulated

	mutex sync.Mutex
	specs []machine.Spec
}

func (r *recorder) Apply(ctx context.Context, cid string, spec machine.Spec) ([]string, error) {
	r.mutex.Lock()
	r.specs = append(r.specs, spec)
	r.mutex.Unlock()
	return r.Simulated.Apply(ctx, cid, spec)
}

func allReleases() []director.Release {
	return slices.Concat(foreign.Releases(), cfcr.Releases("0.44.0", "1.22.17"), cfcr.Optional(), cfcr.NSX())
}

func allStemcells() []director.Stemcell { return append(cfcr.Stemcells(), foreign.Stemcell()) }

func startDirector(t *testing.T, releases []director.Release, stemcells []director.Stemcell) *bench {
	t.Helper()
	dir := t.TempDir()
	credentials, err := credhub.Open(t.Context(), filepath.Join(dir, "credhub.db"), credhub.Options{NewKey: sharedKey})
	if err != nil {
		t.Fatal(err)
	}
	machines := &recorder{Simulated: machine.NewSimulated(machine.Options{})}
	d, err := director.New(director.Config{
		Dir: dir, Name: "bosh", Auth: auth.Basic{"admin": "secret"}, Machines: machines, Credentials: credentials,
		Logger: slog.New(slog.DiscardHandler), Timing: director.Timing{Watch: time.Millisecond}, ConfigServerURL: "https://config-server:8844",
		Seed: director.Seed{Releases: releases, Stemcells: stemcells},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(d.Handler())
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, err := range []error{d.Close(ctx), machines.Close(), credentials.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return &bench{
		env:         []string{"BOSH_ENVIRONMENT=" + server.URL, "BOSH_CA_CERT=" + string(ca), "BOSH_CLIENT=admin", "BOSH_CLIENT_SECRET=secret"},
		credentials: credentials, machines: machines,
	}
}

// ownRelease is a release archive with the jobs of this repository, templates included, and without
// packages: what planning and rendering need.
var ownRelease = sync.OnceValues(func() (string, error) {
	jobs, err := filepath.Glob("../jobs/*")
	if err != nil {
		return "", err
	}
	manifest := map[string]any{"name": "pks", "version": "0.1.0", "commit_hash": "test", "uncommitted_changes": false}
	files := map[string][]byte{}
	var listed []any
	for _, dir := range jobs {
		name := filepath.Base(dir)
		job, err := archiveJob(dir)
		if err != nil {
			return "", err
		}
		files["jobs/"+name+".tgz"] = job
		listed = append(listed, map[string]any{"name": name, "version": "1", "fingerprint": "1", "sha1": "sha256:0"})
	}
	manifest["jobs"] = listed
	if files["release.MF"], err = yaml.Marshal(manifest); err != nil {
		return "", err
	}
	archive, err := tgz(files)
	if err != nil {
		return "", err
	}
	path := filepath.Join(scratch, "pks.tgz")
	return path, os.WriteFile(path, archive, 0o600)
})

func archiveJob(dir string) ([]byte, error) {
	files := map[string][]byte{"monit": nil}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if name == "spec" {
			name = "job.MF"
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return tgz(files)
}

func tgz(files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	}) {
		if err := archive.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o600, Size: int64(len(files[name]))}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// prepare does what docs/install.md says comes before the deploy.
func (b *bench) prepare(t *testing.T, s site) {
	t.Helper()
	release, err := ownRelease()
	if err != nil {
		t.Fatal(err)
	}
	mustBOSH(t, b.env, "upload-release", release)
	cloud := filepath.Join("cloud-config", s.cloud)
	mustBOSH(t, b.env, "update-cloud-config", cloud, "-l", cloudVars(t, cloud))
}

// deploy deploys the site as an operator does.
func (b *bench) deploy(t *testing.T, s site, more ...string) (string, error) {
	t.Helper()
	args := append([]string{"-d", "pks", "deploy", "pks.yml", "-l", varsFile(t, s)}, s.operations()...)
	return bosh(t, b.env, append(args, more...)...)
}
