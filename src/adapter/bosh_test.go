package adapter_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/credhub"
)

// boshCLI is the public bosh program: that of PKS_TEST_BOSH, else the one that the
// repository builds.
var boshCLI = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PKS_TEST_BOSH"); path != "" {
		return path, nil
	}
	const cached = "../../.cache/bin/bosh"
	if _, err := os.Stat(cached); err == nil {
		return filepath.Abs(cached)
	}
	path := filepath.Join(scratch, "bosh")
	build := exec.Command("go", "build", "-C", "../../tools/bosh", "-trimpath", "-buildvcs=false", "-o", path, "github.com/cloudfoundry/bosh-cli/v7")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.New("build the bosh program: " + string(out))
	}
	return path, nil
})

func interpolate(t *testing.T, args ...string) (string, error) {
	t.Helper()
	program, err := boshCLI()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), program, append([]string{"int", "--var-errs"}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", errors.New(stderr.String() + string(out))
	}
	return string(out), nil
}

// operatorSecrets are what some golden manifests take from the platform.
func operatorSecrets() map[string]any {
	return map[string]any{
		"/opsmgr/pks/vcenter_master_creds": object{"password": "vpw"},
		"/openstack_password":              "opw",
		"/nsx/identity":                    object{"certificate": "c", "private_key": "k"},
	}
}

// generatedVariables makes the manifest's variables as the Director does, with the
// secrets that the manifest refers to.
func generatedVariables(t *testing.T, c call, a answer, options credhub.Options) object {
	t.Helper()
	p, err := credhub.Open(t.Context(), filepath.Join(t.TempDir(), "credhub.db"), options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	values := object{}
	for name, value := range operatorSecrets() {
		if strings.Contains(a.Manifest, "(("+name) {
			values[name] = value
		}
	}
	for name, value := range a.Secrets {
		path := secretFolder(c.deployment) + name
		values[path] = value
		if _, ok := value.(object); ok {
			if _, err := p.Set(t.Context(), path, credhub.TypeCertificate, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, _, err := p.Generate(t.Context(), credhub.Request{Name: "/p-bosh/kubernetes_ca", Type: "certificate", Parameters: object{"is_ca": true, "common_name": "operator"}}); err != nil {
		t.Fatal(err)
	}
	for _, v := range parse(t, a.Manifest).Variables {
		made, _, err := p.Generate(t.Context(), credhub.Request{Name: v.Name, Type: v.Type, Parameters: v.Options})
		if err != nil {
			t.Fatalf("variable %s: %v", v.Name, err)
		}
		values[v.Name] = made.Value
	}
	return values
}

func write(t *testing.T, name string, content any) string {
	t.Helper()
	raw, ok := content.(string)
	if !ok {
		text, err := yaml.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		raw = string(text)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestBoshProgramInterpolatesEveryGoldenManifest: each reference has a variable,
// each variable is used, and the certificates fit those who meet.
func TestBoshProgramInterpolatesEveryGoldenManifest(t *testing.T) {
	t.Parallel()
	for name, c := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := credhub.Options{NewKey: sharedKey}
			if name == "smallest" || name == "custom-ca" {
				options.NewKey = nil // keys of their own, so that a mistaken one shows
			}
			a := c.run(t)
			manifest, _ := stored(t, a)
			vars := write(t, "vars.yml", generatedVariables(t, c, a, options))
			out, err := interpolate(t, "--var-errs-unused", "--vars-file", vars, write(t, "manifest.yml", manifest))
			if err != nil {
				t.Fatal(err)
			}
			if i := strings.Index(out, "(("); i >= 0 {
				t.Errorf("left as it was: %.60s", out[i:])
			}
			checkCertificates(t, out, x509.ExtKeyUsageClientAuth)
		})
	}
}

func TestBoshProgramFindsAMissingVariable(t *testing.T) {
	t.Parallel()
	manifest := smallest().run(t).Manifest
	_, err := interpolate(t, write(t, "manifest.yml", manifest))
	if err == nil || !strings.Contains(err.Error(), "kubo-admin-password") {
		t.Errorf("got %v", err)
	}
}

// TestBoshProgramGeneratesTheVariables: its own generator takes the options too,
// but for key_usage, which only CredHub knows (reference/cluster-manifest.md §7).
// Where no extended use is named it allows server_auth alone, CredHub any.
func TestBoshProgramGeneratesTheVariables(t *testing.T) {
	t.Parallel()
	manifest := strings.ReplaceAll(smallest().run(t).Manifest, "    key_usage:\n    - digital_signature\n    - key_encipherment\n", "")
	out, err := interpolate(t, "--vars-store", filepath.Join(t.TempDir(), "store.yml"), write(t, "manifest.yml", manifest))
	if err != nil {
		t.Fatal(err)
	}
	checkCertificates(t, out, x509.ExtKeyUsageServerAuth)
}

// jobProperties are those of the first job of that name in an interpolated
// manifest.
func jobProperties(t *testing.T, manifest, job string) func(path ...string) string {
	t.Helper()
	for _, g := range parse(t, manifest).InstanceGroups {
		for _, j := range g.Jobs {
			if j.Name != job {
				continue
			}
			return func(path ...string) string {
				var at any = map[any]any{}
				for i, key := range path {
					if i == 0 {
						at = j.Properties[key]
						continue
					}
					at = at.(map[any]any)[key]
				}
				text, _ := at.(string)
				return text
			}
		}
	}
	t.Fatalf("no job %s", job)
	return nil
}

// checkCertificates connects, on paper, those who talk to each other. The API
// server's certificate must be good for apiServerUse besides.
func checkCertificates(t *testing.T, manifest string, apiServerUse x509.ExtKeyUsage) {
	t.Helper()
	verify := func(what, certificate, key, authority, host string, use x509.ExtKeyUsage) {
		t.Helper()
		pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(authority))
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
			t.Errorf("%s as %q: %v", what, host, err)
		}
	}
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	api, manager, kubelet, etcd := jobProperties(t, manifest, "kube-apiserver"), jobProperties(t, manifest, "kube-controller-manager"),
		jobProperties(t, manifest, "kubelet"), jobProperties(t, manifest, "etcd")
	outside := "demo.example.com"
	for _, host := range []string{outside, "master.cfcr.internal", "kubernetes", "kubernetes.default.svc.cluster.local"} {
		verify("API server", api("tls", "kubernetes", "certificate"), api("tls", "kubernetes", "private_key"), manager("tls", "kubernetes", "ca"), host, server)
	}
	verify("API server at kubelets", api("tls", "kubelet-client", "certificate"), api("tls", "kubelet-client", "private_key"),
		kubelet("tls", "kubelet-client-ca", "certificate"), "", client)
	verify("aggregator", api("tls", "kubernetes", "certificate"), api("tls", "kubernetes", "private_key"), api("tls", "kubernetes", "ca"), "", apiServerUse)
	verify("kubelet", kubelet("tls", "kubelet", "certificate"), kubelet("tls", "kubelet", "private_key"), kubelet("tls", "kubelet", "ca"), "", server)
	verify("etcd", etcd("tls", "etcd", "certificate"), etcd("tls", "etcd", "private_key"), etcd("tls", "etcd", "ca"), "master-0.etcd.cfcr.internal", server)
	verify("etcd's client", etcd("tls", "etcdctl", "certificate"), etcd("tls", "etcdctl", "private_key"), etcd("tls", "etcd", "ca"), "", client)
	verify("etcd's root", etcd("tls", "etcdctl-root", "certificate"), etcd("tls", "etcdctl-root", "private_key"), etcd("tls", "etcd", "ca"), "", client)
	signer := manager("cluster-signing", "certificate")
	verify("signer of requests", signer, manager("cluster-signing", "private_key"), api("tls", "kubernetes", "ca"), "", client)
}
