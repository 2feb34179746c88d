package adapter_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pks-community/pks-release/src/local/credhub"
)

// deployedCluster is a cluster that answers: what a broker hands over for a call of
// create-binding or delete-binding, and what the test knows of it besides.
type deployedCluster struct {
	deployment string
	simulated  bool
	input      func(t *testing.T, id string, parameters object) serviceadapter.CreateBindingParams
}

// onEveryAPIServer runs the test with the stand-in, and with a real kube-apiserver
// and etcd where the machine has them: in KUBEBUILDER_ASSETS or on the PATH.
func onEveryAPIServer(t *testing.T, c call, test func(*testing.T, deployedCluster)) {
	t.Helper()
	t.Run("stand-in", func(t *testing.T) {
		t.Parallel()
		p := newPlatform(t, credhub.Options{NewKey: sharedKey})
		manifest, _ := p.deploy(c.deployment, c.run(t))
		test(t, deployedCluster{c.deployment, true, func(t *testing.T, id string, parameters object) serviceadapter.CreateBindingParams {
			return p.bindingInput(t, manifest, c.deployment, id, parameters)
		}})
	})
	t.Run("kube-apiserver", func(t *testing.T) {
		t.Parallel()
		programs := map[string]string{}
		for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager"} {
			programs[name] = findProgram(name)
		}
		if programs["etcd"] == "" || programs["kube-apiserver"] == "" {
			t.Skip("no kube-apiserver and etcd in KUBEBUILDER_ASSETS or on the PATH: bindings are tested with the stand-in alone")
		}
		t.Logf("bindings are tested with %s and %s", programs["kube-apiserver"], programs["etcd"])
		test(t, startAPIServer(t, c, programs))
	})
}

func findProgram(name string) string {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// apiServer is a kube-apiserver with the credentials of a manifest's variables.
type apiServer struct {
	dir     string
	address string // a loopback address of its own
	values  object // of the variables
}

func startAPIServer(t *testing.T, c call, programs map[string]string) deployedCluster {
	t.Helper()
	answer := c.run(t)
	manifest, _ := stored(t, answer)
	s := apiServer{t.TempDir(), loopback(t) + ".0.1", generatedVariables(t, c, answer, credhub.Options{NewKey: sharedKey})}
	s.start(t, programs["etcd"], "--data-dir="+filepath.Join(s.dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=http://"+s.address+":2379", "--advertise-client-urls=http://"+s.address+":2379",
		"--listen-peer-urls=http://"+s.address+":2380", "--initial-advertise-peer-urls=http://"+s.address+":2380", "--initial-cluster=default=http://"+s.address+":2380")
	tokens := s.text("kubo-admin-password") + ",admin,admin,\"system:masters\"\n" +
		s.text("kube-controller-manager-password") + ",system:kube-controller-manager,system:kube-controller-manager\n"
	s.start(t, programs["kube-apiserver"], "--etcd-servers=http://"+s.address+":2379", "--secure-port=8443", "--bind-address="+s.address, "--advertise-address="+s.address,
		"--endpoint-reconciler-type=none", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.100.200.0/24", "--token-auth-file="+s.file(t, "tokens.csv", tokens),
		"--tls-cert-file="+s.file(t, "kubernetes.pem", s.text("tls-kubernetes.certificate")+s.text("tls-kubernetes.ca")),
		"--tls-private-key-file="+s.file(t, "kubernetes-key.pem", s.text("tls-kubernetes.private_key")),
		"--client-ca-file="+s.file(t, "kubernetes-ca.pem", s.text("tls-kubernetes.ca")),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+s.file(t, "sa.pub", s.text("service-account-key.public_key")),
		"--service-account-signing-key-file="+s.file(t, "sa.key", s.text("service-account-key.private_key")))
	s.waitUntilReady(t)
	if manager := programs["kube-controller-manager"]; manager != "" {
		s.start(t, manager, "--kubeconfig="+s.kubeconfig(t), "--controllers=serviceaccount-token-controller,serviceaccount-controller", "--leader-elect=false",
			"--bind-address="+s.address, "--root-ca-file="+filepath.Join(s.dir, "kubernetes-ca.pem"), "--service-account-private-key-file="+filepath.Join(s.dir, "sa.key"))
	} else {
		t.Log("there is no kube-controller-manager: this test fills in the tokens of service accounts")
		s.fillTokens(t)
	}
	return deployedCluster{c.deployment, false, func(t *testing.T, id string, parameters object) serviceadapter.CreateBindingParams {
		in := newBindingInput(t, manifest, id, parameters)
		in.DeploymentTopology["master"] = []string{s.address}
		for _, placeholder := range references.FindAllString(manifest, -1) {
			in.Secrets[placeholder] = s.text(strings.Trim(placeholder, "()"))
		}
		return in
	}}
}

var references = regexp.MustCompile(`\(\([^()]+\)\)`)

// text is the value of a variable or of a member of one.
func (s apiServer) text(name string) string {
	whole, member, _ := strings.Cut(name, ".")
	switch value := s.values[whole].(type) {
	case string:
		return value
	case object:
		text, _ := value[member].(string)
		return text
	default:
		return ""
	}
}

func (s apiServer) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs a program until the test ends, and shows what it said if that failed.
func (s apiServer) start(t *testing.T, program string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(s.dir, filepath.Base(program)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was killed
		_ = log.Close()
		if said, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(program), said[max(0, len(said)-4000):])
		}
	})
}

func (s apiServer) config() *rest.Config {
	return &rest.Config{
		Host: "https://" + s.address + ":8443", BearerToken: s.text("kubo-admin-password"),
		TLSClientConfig: rest.TLSClientConfig{CAData: []byte(s.text("tls-kubernetes.ca")), ServerName: "master.cfcr.internal"},
	}
}

func (s apiServer) waitUntilReady(t *testing.T) {
	t.Helper()
	client, err := rest.HTTPClientFor(s.config())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Minute, func() error {
		response, err := client.Get(s.config().Host + "/readyz")
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("HTTP %d", response.StatusCode)
		}
		return nil
	})
}

func (s apiServer) kubeconfig(t *testing.T) string {
	t.Helper()
	rest, config := s.config(), clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: rest.Host, CertificateAuthorityData: rest.CAData, TLSServerName: rest.ServerName}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: s.text("kube-controller-manager-password")}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	raw, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	return s.file(t, "kubeconfig", string(raw))
}

// fillTokens does what the controller of service account tokens does.
func (s apiServer) fillTokens(t *testing.T) {
	t.Helper()
	block, _ := pem.Decode([]byte(s.text("service-account-key.private_key")))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(s.config())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	secrets, err := client.CoreV1().Secrets("default").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { stop(); secrets.Stop(); <-done })
	go func() {
		defer close(done)
		for event := range secrets.ResultChan() {
			secret, ok := event.Object.(*corev1.Secret)
			if !ok || secret.Type != corev1.SecretTypeServiceAccountToken || len(secret.Data) > 0 {
				continue
			}
			if err := fillToken(ctx, client, key, secret); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	}()
}

func fillToken(ctx context.Context, client kubernetes.Interface, key *rsa.PrivateKey, secret *corev1.Secret) error {
	account, err := client.CoreV1().ServiceAccounts(secret.Namespace).Get(ctx, secret.Annotations[corev1.ServiceAccountNameKey], metav1.GetOptions{})
	if err != nil {
		return err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		return err
	}
	const prefix = "kubernetes.io/serviceaccount/"
	token, err := jwt.Signed(signer).Claims(object{
		"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:" + account.Namespace + ":" + account.Name,
		prefix + "namespace": account.Namespace, prefix + "secret.name": secret.Name,
		prefix + "service-account.name": account.Name, prefix + "service-account.uid": string(account.UID),
	}).Serialize()
	if err != nil {
		return err
	}
	filled := secret.DeepCopy()
	filled.Annotations[corev1.ServiceAccountUIDKey] = string(account.UID)
	filled.Data = map[string][]byte{corev1.ServiceAccountTokenKey: []byte(token)}
	_, err = client.CoreV1().Secrets(secret.Namespace).Update(ctx, filled, metav1.UpdateOptions{})
	return err
}

// eventually waits until f has no fault to find. A real API server learns of its
// own changes a moment later, and remembers tokens for ten seconds.
func eventually(t *testing.T, within time.Duration, f func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(err)
		}
	}
}
