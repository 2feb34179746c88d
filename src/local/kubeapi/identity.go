package kubeapi

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/pks"
)

// identity is what a master's specification says about who the API server is and
// whom it knows.
type identity struct {
	certificate tls.Certificate
	ca          []byte // PEM, published to service accounts
	users       []staticUser
	signingKey  *rsa.PrivateKey // signs tokens of service accounts
	publicKey   *rsa.PublicKey  // verifies them
	anonymous   bool            // requests without credentials are let in, with next to no rights
	issuer      string
	provider    *provider // of people who log in elsewhere; nil for none
}

// staticUser is one line of the job's tokens.csv (reference/cluster-manifest.md §8).
type staticUser struct {
	token  pks.Secret
	name   string
	groups []string
}

const defaultIssuer = "https://kubernetes.default.svc.cluster.local"

func readIdentity(spec machine.Spec) (identity, error) {
	job, ok := spec.Job("kube-apiserver")
	if !ok {
		return identity{}, errors.New("it has no job kube-apiserver")
	}
	p := job.Properties
	id := identity{anonymous: true, issuer: defaultIssuer, ca: []byte(text(p, "tls", "kubernetes", "ca"))}
	var err error
	id.certificate, err = tls.X509KeyPair([]byte(text(p, "tls", "kubernetes", "certificate")), []byte(text(p, "tls", "kubernetes", "private_key")))
	if err != nil {
		return identity{}, fmt.Errorf("property tls.kubernetes: %w", err)
	}
	id.publicKey, err = publicKey(text(p, "service-account-public-key"))
	if err != nil {
		return identity{}, fmt.Errorf("property service-account-public-key: %w", err)
	}
	if manager, ok := spec.Job("kube-controller-manager"); ok {
		if id.signingKey, err = privateKey(text(manager.Properties, "service-account-private-key")); err != nil {
			return identity{}, fmt.Errorf("property service-account-private-key: %w", err)
		}
	}
	for property, user := range map[string]staticUser{
		"kubelet-password":                 {name: "kubelet"},
		"kubelet-drain-password":           {name: "kubelet-drain"},
		"kube-proxy-password":              {name: "kube-proxy"},
		"kube-controller-manager-password": {name: "system:kube-controller-manager"},
		"kube-scheduler-password":          {name: "system:kube-scheduler"},
		"admin-password":                   {name: text(p, "admin-username"), groups: []string{"system:masters"}},
	} {
		user.token = pks.Secret(text(p, property))
		if user.token == "" {
			return identity{}, fmt.Errorf("property %s is missing", property)
		}
		id.users = append(id.users, user)
	}
	if args, ok := p["k8s-args"].(map[string]any); ok {
		if v, ok := args["anonymous-auth"].(bool); ok {
			id.anonymous = v
		}
		if v, ok := args["service-account-issuer"].(string); ok {
			id.issuer = v
		}
	}
	if id.provider, err = readProvider(p); err != nil {
		return identity{}, fmt.Errorf("property k8s-args: %w", err)
	}
	return id, nil
}

// text finds a text in a tree of properties.
func text(tree map[string]any, path ...string) string {
	for _, key := range path[:len(path)-1] {
		tree, _ = tree[key].(map[string]any)
	}
	s, _ := tree[path[len(path)-1]].(string)
	return s
}

func privateKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("it is no PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("it is no RSA key")
	}
	return rsaKey, nil
}

func publicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("it is no PEM")
	}
	if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the public key: %w", err)
	}
	rsaKey, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("it is no RSA key")
	}
	return rsaKey, nil
}
