package kubeconfig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/kubeconfig"
)

// names are of few letters, so that they often clash, and some are awkward YAML.
func names() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[ab]{1,2}`),
		rapid.SampledFrom([]string{"1", "true", "null", "~", "a: b", "- x", "#c", "'", `"`, "é", "0x1f", "multi\nline", "&a", "*a", " lead", "demo"}),
	)
}

// texts are what YAML can hold: client-go refuses to read other characters.
func texts() *rapid.Generator[string] { return rapid.StringMatching(`[ -~é\n\t]{0,20}`) }

func configs() *rapid.Generator[*api.Config] {
	return rapid.Custom(func(t *rapid.T) *api.Config {
		c := api.NewConfig()
		for _, name := range rapid.SliceOfN(names(), 0, 4).Draw(t, "clusters") {
			c.Clusters[name] = &api.Cluster{
				Server:                   "https://" + rapid.StringMatching(`[a-z.]{1,9}`).Draw(t, "server"),
				CertificateAuthorityData: rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "ca"),
				InsecureSkipTLSVerify:    rapid.Bool().Draw(t, "insecure"),
			}
		}
		for _, name := range rapid.SliceOfN(names(), 0, 4).Draw(t, "contexts") {
			c.Contexts[name] = &api.Context{Cluster: names().Draw(t, "cluster"), AuthInfo: names().Draw(t, "user"), Namespace: names().Draw(t, "namespace")}
		}
		for _, name := range rapid.SliceOfN(names(), 0, 4).Draw(t, "users") {
			c.AuthInfos[name] = &api.AuthInfo{
				Token:        texts().Draw(t, "token"),
				Impersonate:  names().Draw(t, "impersonate"),
				AuthProvider: &api.AuthProviderConfig{Name: "oidc", Config: map[string]string{names().Draw(t, "key"): texts().Draw(t, "value")}},
			}
		}
		c.CurrentContext = rapid.OneOf(rapid.Just(""), names()).Draw(t, "current")
		return c
	})
}

// answers are what the API may send: complete and harmless.
func answers() *rapid.Generator[*api.Config] {
	return rapid.Custom(func(t *rapid.T) *api.Config {
		name, user := names().Draw(t, "name"), names().Draw(t, "user")
		c := api.NewConfig()
		c.Clusters[name] = &api.Cluster{Server: "https://new", CertificateAuthorityData: []byte("new")}
		c.Contexts[name] = &api.Context{Cluster: name, AuthInfo: user}
		c.AuthInfos[user] = &api.AuthInfo{Token: "new " + texts().Draw(t, "new token")}
		c.CurrentContext = name
		return c
	})
}

func TestForeignEntriesSurvive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		path := filepath.Join(dir, fmt.Sprint(round))
		before, answer := configs().Draw(t, "before"), answers().Draw(t, "answer")
		if err := clientcmd.WriteToFile(*before, path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := clientcmd.Load(text)
		if err != nil {
			t.Skip("client-go does not read what it wrote")
		}
		if err := kubeconfig.Merge(context.Background(), []string{path}, answer); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := clientcmd.Load(after)
		if err != nil {
			t.Fatal(err)
		}
		added, err := clientcmd.Write(*answer)
		if err != nil {
			t.Fatal(err)
		}
		roundTrip, err := clientcmd.Load(added)
		if err != nil {
			t.Fatal(err)
		}
		name := answer.CurrentContext
		user := answer.Contexts[name].AuthInfo
		want.Clusters[name], want.Contexts[name], want.AuthInfos[user] = roundTrip.Clusters[name], roundTrip.Contexts[name], roundTrip.AuthInfos[user]
		want.CurrentContext = name
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\n%s", diff, after)
		}
		ours := len(before.Clusters) + len(before.Contexts) + len(before.AuthInfos)
		kept := 0
		for _, entry := range entries(string(text)) {
			if strings.Contains(string(after), entry) {
				kept++
			}
		}
		replaced := 0
		for _, had := range []bool{before.Clusters[name] != nil, before.Contexts[name] != nil, before.AuthInfos[user] != nil} {
			if had {
				replaced++
			}
		}
		if kept < ours-replaced {
			t.Fatalf("of %d foreign entries only %d are the same to the byte\nbefore:\n%s\nafter:\n%s", ours-replaced, kept, text, after)
		}
	})
}

// entries cuts a file of client-go into the texts of its list members.
func entries(text string) []string {
	var found []string
	inside := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "- "):
			found, inside = append(found, line), true
		case inside && (line == "\n" || strings.HasPrefix(line, "  ")):
			found[len(found)-1] += line
		default:
			inside = false
		}
	}
	return found
}

const (
	childEnv  = "KUBECONFIG_TEST_CHILD"
	perChild  = 15
	childName = "KUBECONFIG_TEST_NAME"
)

// TestMain lets the test binary be the other process.
func TestMain(m *testing.M) {
	path := os.Getenv(childEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	for i := range perChild {
		name := fmt.Sprintf("%s-%d", os.Getenv(childName), i)
		config, err := kubeconfig.Parse(credentials(name, "u-"+name, "t"))
		if err == nil {
			err = kubeconfig.Merge(context.Background(), []string{path}, config)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(0)
}

func TestTwoProcessesAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	var running []*exec.Cmd
	for _, name := range []string{"a", "b"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+path, childName+"="+name)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Clusters) != 2*perChild || len(config.AuthInfos) != 2*perChild {
		t.Errorf("%d clusters and %d users of %d", len(config.Clusters), len(config.AuthInfos), 2*perChild)
	}
}

// kubectl's lock is waited for, and named when it does not go away.
func TestKubectlsLockIsRespected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "config")
		write(t, path+".lock", "")
		began := time.Now()
		err := merge(t, []string{path}, credentials("demo", "u", "t"))
		if err == nil || !strings.Contains(err.Error(), path+".lock exists") {
			t.Errorf("the error is %v", err)
		}
		if waited := time.Since(began); waited < 4*time.Second || waited > 6*time.Second {
			t.Errorf("it was waited for for %v", waited)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Error("the file was written all the same")
		}
		if _, err := os.Stat(path + ".lock"); err != nil {
			t.Errorf("somebody else's lock was removed: %v", err)
		}
		time.AfterFunc(time.Second, func() { _ = os.Remove(path + ".lock") })
		mustMerge(t, []string{path}, credentials("demo", "u", "t"))
	})
}
