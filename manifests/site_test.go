package manifests_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// site is one way to deploy: a row of the README's combinations, or one operations file alone.
type site struct {
	name  string
	cloud string // file below cloud-config
	files []string
}

func (s site) operations() []string {
	var args []string
	for _, f := range s.files {
		args = append(args, "-o", filepath.Join("operations", f))
	}
	return args
}

var code = regexp.MustCompile("`([^`]+)`")

// cells are the texts in `…` of each cell of the rows of the README's table that begins with the header.
func table(t *testing.T, header string) [][]string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), header+"\n")
	if !found {
		t.Fatalf("README.md has no table %q", header)
	}
	var rows [][]string
	for line := range strings.Lines(after) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		if !strings.HasPrefix(line, "|---") {
			rows = append(rows, strings.Split(strings.Trim(line, "|"), "|"))
		}
	}
	if len(rows) == 0 {
		t.Fatalf("the table %q is empty", header)
	}
	return rows
}

func codes(cell string) []string {
	var out []string
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// variables are what the README says that each operations file has to be told.
func variables(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, row := range table(t, "| File | What it does | Variables |") {
		out[codes(row[0])[0]] = codes(row[2])
	}
	return out
}

// combinations are the sites of the README.
func combinations(t *testing.T) []site {
	t.Helper()
	var sites []site
	for _, row := range table(t, "| Site | Cloud config | Files |") {
		sites = append(sites, site{strings.TrimSpace(row[0]), codes(row[1])[0], codes(row[2])})
	}
	return sites
}

// alone are sites with one operations file each, and the one that it comes after.
func alone(t *testing.T) []site {
	t.Helper()
	after := map[string]string{"ha.yml": "external-database.yml", "syslog-tls.yml": "syslog.yml"}
	paths, err := filepath.Glob("operations/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no operations files", err)
	}
	sites := []site{{name: "pks.yml", cloud: "vsphere.yml"}}
	for _, path := range paths {
		file := filepath.Base(path)
		s := site{name: file, cloud: "vsphere.yml", files: []string{file}}
		if before, ok := after[file]; ok {
			s.files = []string{before, file}
		}
		if _, err := os.Stat(filepath.Join("cloud-config", file)); err == nil {
			s.cloud = file
		}
		sites = append(sites, s)
	}
	return sites
}

// pair is a certificate and its key, in PEM.
type pair struct{ certificate, key string }

// authority is made once: making keys takes long.
var authority = sync.OnceValues(func() (pair, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{"api.pks.example.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return pair{}, err
	}
	raw, err := x509.MarshalECPrivateKey(private)
	return pair{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})),
	}, err
})

// values are sample values of variables: of those of the template, and of the named ones.
func values(t *testing.T, names ...string) map[string]any {
	t.Helper()
	samples := readYAML(t, "testdata/vars.yml")
	out := readYAML(t, "vars-template.yml")
	for _, name := range names {
		value, ok := samples[name]
		if !ok {
			t.Fatalf("testdata/vars.yml has no value for %s", name)
		}
		out[name] = value
	}
	made, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range out {
		out[name] = substitute(value, made)
	}
	return out
}

func substitute(value any, made pair) any {
	switch value := value.(type) {
	case string:
		if value == "CERTIFICATE" || strings.HasPrefix(value, "-----BEGIN CERTIFICATE-----") {
			return made.certificate
		}
		if value == "KEY" {
			return made.key
		}
	case map[string]any:
		for k, v := range value {
			value[k] = substitute(v, made)
		}
	}
	return value
}

// varsFile writes the values that a site has to be told.
func varsFile(t *testing.T, s site) string {
	t.Helper()
	known := variables(t)
	var names []string
	for _, f := range s.files {
		needed, ok := known[f]
		if !ok {
			t.Fatalf("README.md does not list %s", f)
		}
		names = append(names, needed...)
	}
	given := values(t, names...)
	if slices.Contains(s.files, "dev-release.yml") {
		delete(given, "pks_version")
	}
	return writeYAML(t, "vars.yml", given)
}

// cloudVars writes the values that a cloud config has to be told: those that it names.
func cloudVars(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	samples := readYAML(t, "testdata/vars.yml")
	given := map[string]any{}
	for _, m := range regexp.MustCompile(`\(\(([\w-]+)\)\)`).FindAllStringSubmatch(string(text), -1) {
		value, ok := samples[m[1]]
		if !ok {
			t.Fatalf("testdata/vars.yml has no value for %s of %s", m[1], path)
		}
		given[m[1]] = value
	}
	return writeYAML(t, "cloud-vars.yml", given)
}

func readYAML(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parseYAML(t, text)
}

func parseYAML(t *testing.T, text []byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := yaml.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func writeYAML(t *testing.T, name string, content any) string {
	t.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, name, text)
}
