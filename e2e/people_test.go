package e2e

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// A cluster that people log in to with their own names, and its certificates.
func TestPeopleAndCertificates(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	s.login("client", "admin")
	s.must(s.pks("create-cluster", "people", "-e", "people.pks.local", "-p", "sso", "--wait", "--non-interactive"))
	s.must(s.pks("create-cluster", "plain", "-e", "plain.pks.local", "-p", "small", "--wait", "--non-interactive"))
	s.addUser("guest", "gu3st")

	// Somebody without any right in PKS may log in, and do nothing yet.
	getKubeconfig := func(cluster string) result {
		return s.pksAs("guest", "get-kubeconfig", cluster, "-a", s.apiURL(), "--ca-cert", s.caFile(), "-u", "guest", "-p", "gu3st")
	}
	s.must(getKubeconfig("people"))
	guest := s.kube("guest", "people")
	if name := s.whoAmI(guest); name != "oidc:guest" {
		s.errorf("the guest is %q", name)
	}
	if _, err := guest.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		s.errorf("the guest's rights: %v", err)
	}
	s.refused(getKubeconfig("plain"), 1, "Users of UAA cannot log in to cluster plain")
	s.refused(getKubeconfig("nosuch"), 3, "Cluster nosuch not found")
	s.refused(s.pksAs("guest", "login", "-a", s.apiURL(), "--ca-cert", s.caFile(), "-u", "guest", "-p", "gu3st"), 4, "give no right to use PKS")

	// The one who asks for credentials becomes the cluster's administrator.
	env := append(s.env("client"), "PKS_USER_PASSWORD="+s.secret("admin_password"))
	asAdmin := func(args ...string) result { return s.exec(s.program("pks"), env, args...) }
	s.must(asAdmin("get-credentials", "people"))
	admin := s.kube("client", "people")
	if name := s.whoAmI(admin); name != "oidc:admin" {
		s.errorf("the administrator is %q", name)
	}
	if nodes, err := admin.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err != nil || len(nodes.Items) != 2 {
		s.errorf("nodes: %v", err)
	}
	s.must(asAdmin("get-credentials", "people", "--exec"))
	if out := s.must(s.pks("credential", "people", "--refresh")); !strings.Contains(out, `"token":"eyJ`) {
		s.errorf("the credential is %s", out)
	}

	// Every certificate is another afterwards, and so are the authorities.
	s.must(asAdmin("get-credentials", "people"))
	before, served := s.certificates("people"), s.servedBy("people")
	s.must(s.pks("rotate-certificates", "people", "--all", "--wait", "--non-interactive"))
	if c := s.cluster("people"); c.Action != "UPDATE" || c.Why != "Instance certificate rotation completed" {
		s.errorf("%s: %s", c.Action, c.Why)
	}
	after := s.certificates("people")
	if !slices.Contains(before, "kubo_ca") || slices.Contains(after, "kubo_ca") || !slices.Contains(after, "kubo_ca_1") || !slices.Contains(after, "etcd_ca_1") || len(before) != len(after) {
		s.errorf("certificates were %v and are %v", before, after)
	}
	if s.servedBy("people") == served {
		s.errorf("the API server still has its old certificate")
	}
	if _, err := s.kube("client", "people").Discovery().ServerVersion(); err == nil || !strings.Contains(err.Error(), "certificate") {
		s.errorf("the old kubeconfig: %v", err)
	}
	s.must(asAdmin("get-credentials", "people"))
	s.whoAmI(s.kube("client", "people"))
	s.must(s.pks("resize", "people", "--num-nodes", "1", "--wait", "--non-interactive"))
	if now := s.certificates("people"); !slices.Equal(now, after) {
		s.errorf("a resize makes certificates %v", now)
	}
	s.refused(s.pks("promote-cluster-to-policy", "people", "--non-interactive"), 1, "does not use the management-plane API of NSX-T")
}

// addUser makes a user of UAA who is in no group of the product.
func (s *stack) addUser(name, password string) {
	s.t.Helper()
	token := s.grant(url.Values{"grant_type": {"client_credentials"}, "client_id": {"admin"}, "client_secret": {s.secret("uaa_admin_client_secret")}})
	document := fmt.Sprintf(`{"userName":%q,"password":%q,"emails":[{"value":"%s@example.com","primary":true}],"name":{"givenName":"G","familyName":"U"}}`, name, password, name)
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.uaaURL()+"/Users", strings.NewReader(document))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	if made := s.do(request); made.status != http.StatusCreated {
		s.fatalf("the user %s is not made: %d %s", name, made.status, made.body)
	}
}

// kube speaks with a cluster as the kubeconfig of the home says. The host name does
// not resolve here, so the master is called by address.
func (s *stack) kube(home, cluster string) *kubernetes.Clientset {
	s.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(s.dir, home, "kubeconfig"))
	if err != nil {
		s.t.Fatal(err)
	}
	if provider := config.AuthProvider; provider != nil {
		// The plug-in keeps one login for a whole process, which these tests are.
		config.BearerToken, config.AuthProvider = provider.Config["id-token"], nil
	}
	config.ServerName = cluster + ".pks.local"
	config.Host = s.master(cluster)
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		s.t.Fatal(err)
	}
	return clients
}

func (s *stack) master(cluster string) string {
	s.t.Helper()
	return "https://" + net.JoinHostPort(s.cluster(cluster).IPs[0], "8443")
}

func (s *stack) whoAmI(c *kubernetes.Clientset) string {
	s.t.Helper()
	review, err := c.AuthenticationV1().SelfSubjectReviews().Create(s.t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		s.fatalf("who am I: %v", err)
	}
	return review.Status.UserInfo.Username
}

// certificates are the names, without the deployment's, of those that the cluster
// uses.
func (s *stack) certificates(cluster string) []string {
	s.t.Helper()
	var found []struct{ Name string }
	if err := json.Unmarshal([]byte(s.must(s.pks("certificates", cluster, "-d", "100000", "--json"))), &found); err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, one := range found {
		names = append(names, one.Name[strings.LastIndex(one.Name, "/")+1:])
	}
	slices.Sort(names)
	return names
}

// servedBy is the serial number of the API server's certificate.
func (s *stack) servedBy(cluster string) string {
	s.t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // only to look at it
	connection, err := dialer.DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.master(cluster), "https://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}
