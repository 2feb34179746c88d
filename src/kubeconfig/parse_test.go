package kubeconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/pks-community/pks-release/src/kubeconfig"
)

func TestDocumentsOfTheAPIAreRead(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"token": string(credentials("demo", "u", "t")),
		"OIDC": strings.Replace(string(credentials("demo", "alana", "t")), `{"token":"t"}`,
			`{"auth-provider":{"name":"oidc","config":{"client-id":"pks_cluster_client","id-token":"","refresh-token":""}}}`, 1),
		"certificate": strings.Replace(string(credentials("demo", "u", "t")), `"token":"t"`, `"client-certificate-data":"Yw==","client-key-data":"aw=="`, 1),
	} {
		if _, err := kubeconfig.Parse([]byte(document)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUselessAndHarmfulDocumentsAreRefused(t *testing.T) {
	t.Parallel()
	good := string(credentials("demo", "u", "t"))
	change := func(old, new string) string {
		changed := strings.Replace(good, old, new, 1)
		if changed == good {
			t.Fatalf("%q is not in the document", old)
		}
		return changed
	}
	for document, want := range map[string]string{
		``:                                 "missing",
		`{}`:                               "missing",
		`"text"`:                           "read the credentials",
		`{"apiVersion":"v1","kind":"Pod"}`: "read the credentials",
		change(`"current-context":"demo"`, `"current-context":""`):                                                  "current-context is missing",
		change(`"current-context":"demo"`, `"current-context":"x"`):                                                 `current-context "x"`,
		change(`"cluster":"demo","user"`, `"cluster":"x","user"`):                                                   `cluster "x", which is missing`,
		change(`"user":"u"}`, `"user":"x"}`):                                                                        `user "x", which is missing`,
		change(`"server":"https://demo.example.com:8443"`, `"server":""`):                                           "no server",
		change(`"certificate-authority-data":"Y2E="`, `"certificate-authority":"/etc/passwd"`):                      "names a file",
		change(`"token":"t"`, `"tokenFile":"/etc/passwd"`):                                                          "names a file",
		change(`"token":"t"`, `"client-key":"/root/key"`):                                                           "names a file",
		change(`"token":"t"`, `"exec":{"apiVersion":"client.authentication.k8s.io/v1","command":"rm"}`):             "run a program",
		change(`"token":"t"`, `"auth-provider":{"name":"gcp","config":{"cmd-path":"rm"}}`):                          "unknown auth-provider",
		change(`"token":"t"`, `"auth-provider":{"name":"oidc","config":{"idp-certificate-authority":"/root/key"}}`): "names a file",
	} {
		_, err := kubeconfig.Parse([]byte(document))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: the error is %v, want %q", document, err, want)
		}
	}
}

func TestPathsFollowTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{map[string]string{"HOME": "/home/alana"}, []string{"/home/alana/.kube/config"}},
		{map[string]string{"HOME": "/home/alana", "KUBECONFIG": "/a"}, []string{"/a"}},
		{map[string]string{"HOME": "/home/alana", "KUBECONFIG": ":/a::b:/a:"}, []string{"/a", "b"}},
		{map[string]string{"HOME": "/home/alana", "KUBECONFIG": ":"}, []string{"/home/alana/.kube/config"}},
	} {
		got, err := kubeconfig.Paths(func(name string) string { return c.env[name] })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v: %s", c.env, diff)
		}
	}
}

// Whatever the API answers: no panic, and what passes is complete and harmless.
func FuzzParse(f *testing.F) {
	f.Add(credentials("demo", "u", "t"))
	f.Add([]byte(`{"clusters":[{}],"contexts":[{"context":null}],"users":[{}],"current-context":""}`))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, document []byte) {
		config, err := kubeconfig.Parse(document)
		if err != nil {
			return
		}
		if config.Contexts[config.CurrentContext] == nil {
			t.Errorf("current-context %q leads nowhere", config.CurrentContext)
		}
		for name, user := range config.AuthInfos {
			if user.Exec != nil || user.TokenFile != "" {
				t.Errorf("user %q is harmful", name)
			}
		}
		if _, err := clientcmd.Write(*config); err != nil {
			t.Errorf("it cannot be written: %v", err)
		}
	})
}
