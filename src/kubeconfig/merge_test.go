package kubeconfig_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/pks-community/pks-release/src/kubeconfig"
)

// credentials is a binding answer as pks-api gives it.
func credentials(name, user, token string) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","preferences":{},"current-context":%[1]q,
"contexts":[{"name":%[1]q,"context":{"cluster":%[1]q,"user":%[2]q}}],
"clusters":[{"name":%[1]q,"cluster":{"certificate-authority-data":"Y2E=","server":"https://%[1]s.example.com:8443"}}],
"users":[{"name":%[2]q,"user":{"token":%[3]q}}]}`, name, user, token)
}

func merge(t *testing.T, paths []string, document []byte) error {
	t.Helper()
	config, err := kubeconfig.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	return kubeconfig.Merge(t.Context(), paths, config)
}

func mustMerge(t *testing.T, paths []string, document []byte) {
	t.Helper()
	if err := merge(t, paths, document); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestFirstClusterMakesTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".kube", "config")
	mustMerge(t, []string{path}, credentials("demo", "u-1", "secret"))
	const want = `apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority-data: Y2E=
    server: https://demo.example.com:8443
  name: demo
contexts:
- context:
    cluster: demo
    user: u-1
  name: demo
users:
- name: u-1
  user:
    token: secret
current-context: demo
`
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

// Comments, order, unknown members, quotes: all of it is the owner's.
func TestEverythingElseStaysByteForByte(t *testing.T) {
	t.Parallel()
	const before = `# my clusters
apiVersion: v1
x-mine: {kept: "yes"}
current-context: kind # the local one
kind: Config
contexts:
- context:
    cluster: kind
    namespace: 'dev'
    user: kind
  name: kind
- context: {cluster: demo, user: old}
  name: demo
clusters:
# do not delete
- name: kind
  cluster:
    server: "https://127.0.0.1:6443"
    insecure-skip-tls-verify: true
users:
- name: kind
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: aws
      args: [--region, eu]
      unknown-member: kept
      interactiveMode: IfAvailable
`
	const after = `# my clusters
apiVersion: v1
x-mine: {kept: "yes"}
current-context: demo
kind: Config
contexts:
- context:
    cluster: kind
    namespace: 'dev'
    user: kind
  name: kind
- context:
    cluster: demo
    user: u-1
  name: demo
clusters:
# do not delete
- name: kind
  cluster:
    server: "https://127.0.0.1:6443"
    insecure-skip-tls-verify: true
- cluster:
    certificate-authority-data: Y2E=
    server: https://demo.example.com:8443
  name: demo
users:
- name: kind
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: aws
      args: [--region, eu]
      unknown-member: kept
      interactiveMode: IfAvailable
- name: u-1
  user:
    token: t
`
	path := filepath.Join(t.TempDir(), "config")
	write(t, path, before)
	mustMerge(t, []string{path}, credentials("demo", "u-1", "t"))
	if diff := cmp.Diff(after, read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestFormsOfExistingFiles(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{
		"empty":           "",
		"only comments":   "# nothing here yet\n",
		"null":            "null\n",
		"document marks":  "---\napiVersion: v1\nkind: Config\n",
		"kubectl's own":   "apiVersion: v1\nclusters: null\ncontexts: []\ncurrent-context: \"\"\nkind: Config\npreferences: {}\nusers: null\n",
		"JSON":            `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"a","cluster":{"server":"https://a"}}],"contexts":[],"users":null}`,
		"indented lists":  "apiVersion: v1\nkind: Config\nclusters:\n  - name: a\n    cluster:\n      server: https://a\n",
		"Windows' lines":  "apiVersion: v1\r\nkind: Config\r\nclusters:\r\n- name: a\r\n  cluster:\r\n    server: https://a\r\n",
		"anchors":         "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: &c\n    server: https://a\n- name: b\n  cluster: *c\n",
		"no version":      "clusters:\n- name: a\n  cluster:\n    server: https://a\n",
		"numbers as name": "apiVersion: v1\nkind: Config\nclusters:\n- name: \"1\"\n  cluster:\n    server: https://a\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "config")
			write(t, path, before)
			old, err := clientcmd.LoadFromFile(path)
			if err != nil {
				t.Fatal(err)
			}
			added, err := clientcmd.Load(credentials("1e3", "true", "0x10"))
			if err != nil {
				t.Fatal(err)
			}
			mustMerge(t, []string{path}, credentials("1e3", "true", "0x10"))
			got, err := clientcmd.Load([]byte(read(t, path)))
			if err != nil {
				t.Fatal(err)
			}
			want, err := clientcmd.Load([]byte(before))
			if err != nil {
				t.Fatal(err)
			}
			want.Clusters["1e3"], want.Contexts["1e3"], want.AuthInfos["true"] = added.Clusters["1e3"], added.Contexts["1e3"], added.AuthInfos["true"]
			want.CurrentContext = "1e3"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n%s", diff, read(t, path))
			}
			for cluster := range old.Clusters {
				if got.Clusters[cluster] == nil {
					t.Errorf("cluster %s is gone", cluster)
				}
			}
			if strings.HasPrefix(before, "#") && !strings.HasPrefix(read(t, path), before) {
				t.Errorf("the comment is gone:\n%s", read(t, path))
			}
		})
	}
}

func TestBrokenFilesAreRefusedAndLeft(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{
		"not YAML":       "apiVersion: v1\n  kind: [Config\n",
		"a list":         "- a\n- b\n",
		"a text":         "hello\n",
		"wrong kind":     "apiVersion: v1\nkind: Pod\n",
		"wrong types":    "apiVersion: v1\nkind: Config\nclusters: 7\n",
		"twice the name": "apiVersion: v1\nkind: Config\nclusters:\n- {name: a, cluster: {server: https://a}}\n- {name: a, cluster: {server: https://b}}\n",
		"two documents":  "apiVersion: v1\nkind: Config\n---\napiVersion: v1\nkind: Config\n",
		"binary":         "\x00\x01\x02",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "config")
			write(t, path, before)
			err := merge(t, []string{path}, credentials("demo", "u", "secret-token"))
			if err == nil || !strings.Contains(err.Error(), path+" is not a kubeconfig") {
				t.Errorf("the error is %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "secret-token") {
				t.Errorf("the error tells the secret: %v", err)
			}
			if got := read(t, path); got != before {
				t.Errorf("the file became %q", got)
			}
		})
	}
}

// An anchor inside the entry that is replaced cannot survive; the file must.
func TestAnchorsThatWouldBreakAreRefused(t *testing.T) {
	t.Parallel()
	const before = "apiVersion: v1\nkind: Config\nclusters:\n- name: demo\n  cluster: &c\n    server: https://a\n- name: b\n  cluster: *c\n"
	path := filepath.Join(t.TempDir(), "config")
	write(t, path, before)
	err := merge(t, []string{path}, credentials("demo", "u", "t"))
	if err == nil || !strings.Contains(err.Error(), "is left as it is") || !strings.Contains(err.Error(), "cannot be changed safely") {
		t.Errorf("the error is %v", err)
	}
	if got := read(t, path); got != before {
		t.Errorf("the file became %q", got)
	}
}

func TestFoldersAreRefused(t *testing.T) {
	t.Parallel()
	err := merge(t, []string{t.TempDir()}, credentials("demo", "u", "t"))
	if err == nil || !strings.Contains(err.Error(), "not a plain file") {
		t.Errorf("the error is %v", err)
	}
	if err := kubeconfig.Merge(t.Context(), nil, nil); err == nil {
		t.Error("no file at all was accepted")
	}
}

func TestListsOfFilesAreChangedAsKubectlWould(t *testing.T) {
	t.Parallel()
	const a = "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: https://a\n  name: a\n"
	const b = "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: https://old\n  name: demo\ncurrent-context: other\n"
	dir := t.TempDir()
	missing, first, second := filepath.Join(dir, "no", "config"), filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, first, a)
	write(t, second, b)
	mustMerge(t, []string{missing, first, second}, credentials("demo", "u", "t"))

	wantFirst := a + "contexts:\n- context:\n    cluster: demo\n    user: u\n  name: demo\nusers:\n- name: u\n  user:\n    token: t\n"
	if diff := cmp.Diff(wantFirst, read(t, first)); diff != "" {
		t.Errorf("what is new goes to the first file that exists:\n%s", diff)
	}
	wantSecond := "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: Y2E=\n    server: https://demo.example.com:8443\n  name: demo\ncurrent-context: demo\n"
	if diff := cmp.Diff(wantSecond, read(t, second)); diff != "" {
		t.Errorf("what exists is changed where it is:\n%s", diff)
	}
	if _, err := os.Stat(filepath.Dir(missing)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder was made for a file that is not written: %v", err)
	}
}

func TestNoFileOfTheListExists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, last := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	mustMerge(t, []string{first, last}, credentials("demo", "u", "t"))
	if _, err := os.Stat(first); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the first file: %v", err)
	}
	if _, err := clientcmd.LoadFromFile(last); err != nil {
		t.Error(err)
	}
}

func TestNothingNewWritesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	mustMerge(t, []string{path}, credentials("demo", "u", "t"))
	before := read(t, path)
	mustMerge(t, []string{path}, credentials("demo", "u", "t"))
	if diff := cmp.Diff(before, read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestParallelMergesLoseNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			name := fmt.Sprintf("c%d", i)
			if err := merge(t, []string{path}, credentials(name, "u-"+name, "t")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Clusters) != 12 || len(config.AuthInfos) != 12 || len(config.Contexts) != 12 {
		t.Errorf("%d clusters, %d users, %d contexts of 12", len(config.Clusters), len(config.AuthInfos), len(config.Contexts))
	}
	if _, err := os.Stat(path + ".lock"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("kubectl's lock was left behind: %v", err)
	}
}
