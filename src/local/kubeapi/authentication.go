package kubeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pks-community/pks-release/src/pks"
)

const (
	groupMasters         = "system:masters"
	groupAuthenticated   = "system:authenticated"
	groupUnauthenticated = "system:unauthenticated"
	groupServiceAccounts = "system:serviceaccounts"
	userAnonymous        = "system:anonymous"
	legacyIssuer         = "kubernetes/serviceaccount"
)

// user is who makes a request.
type user struct {
	name   string
	uid    string
	groups []string
}

var errUnauthorized = errors.New("unauthorized")

// authenticate tells who sent the request. A credential that is wrong is refused
// even where none would do.
func (c *cluster) authenticate(r *http.Request) (user, error) {
	id := c.who()
	header := r.Header.Get("Authorization")
	if header == "" {
		if !id.anonymous {
			return user{}, errUnauthorized
		}
		return user{name: userAnonymous, groups: []string{groupUnauthenticated}}, nil
	}
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return user{}, errUnauthorized
	}
	for _, static := range id.users {
		if static.token.Equal(pks.Secret(token)) {
			return user{name: static.name, groups: append(slices.Clone(static.groups), groupAuthenticated)}, nil
		}
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return user{}, errUnauthorized
	}
	if id.provider.issued(parsed) {
		u, err := id.provider.user(r.Context(), parsed, c.now())
		if err != nil && !errors.Is(err, errUnauthorized) {
			c.log.WarnContext(r.Context(), "An ID token could not be verified", "error", err)
		}
		return u, err
	}
	return c.serviceAccountOf(id, token, parsed)
}

// claims are those of both kinds of tokens: legacy ones that live in a Secret,
// and bound ones that end.
type claims struct {
	jwt.Claims
	Namespace string `json:"kubernetes.io/serviceaccount/namespace,omitempty"`
	Secret    string `json:"kubernetes.io/serviceaccount/secret.name,omitempty"`
	Name      string `json:"kubernetes.io/serviceaccount/service-account.name,omitempty"`
	UID       string `json:"kubernetes.io/serviceaccount/service-account.uid,omitempty"`

	Bound *boundClaims `json:"kubernetes.io,omitempty"`
}

type boundClaims struct {
	Namespace      string      `json:"namespace"`
	ServiceAccount boundObject `json:"serviceaccount"`
}

type boundObject struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// serviceAccountOf verifies a token by the key of the manifest, and that what it
// was made for still exists.
func (c *cluster) serviceAccountOf(id identity, token string, parsed *jwt.JSONWebToken) (user, error) {
	var cl claims
	if err := parsed.Claims(id.publicKey, &cl); err != nil {
		return user{}, errUnauthorized
	}
	namespace, name, uid, secret := cl.Namespace, cl.Name, cl.UID, cl.Secret
	switch {
	case cl.Bound != nil:
		expected := jwt.Expected{Issuer: id.issuer, AnyAudience: jwt.Audience{id.issuer}, Time: c.now()}
		if cl.Expiry == nil || cl.ValidateWithLeeway(expected, 0) != nil {
			return user{}, errUnauthorized
		}
		namespace, name, uid, secret = cl.Bound.Namespace, cl.Bound.ServiceAccount.Name, cl.Bound.ServiceAccount.UID, ""
	case cl.Issuer != legacyIssuer || secret == "":
		return user{}, errUnauthorized
	}
	account, ok := c.find(serviceAccounts, namespace, name)
	if !ok || string(account.GetUID()) != uid {
		return user{}, errUnauthorized
	}
	if secret != "" {
		held, ok := c.find(secrets, namespace, secret)
		if !ok || string(held.(*corev1.Secret).Data[corev1.ServiceAccountTokenKey]) != token {
			return user{}, errUnauthorized
		}
	}
	return user{
		name: "system:serviceaccount:" + namespace + ":" + name,
		uid:  uid,
		groups: []string{
			groupServiceAccounts, groupServiceAccounts + ":" + namespace, groupAuthenticated,
		},
	}, nil
}

// legacyToken is the content of a Secret of type service-account-token.
func (id identity) legacyToken(account *corev1.ServiceAccount, secret string) (string, error) {
	return id.sign(claims{
		Claims:    jwt.Claims{Issuer: legacyIssuer, Subject: subject(account)},
		Namespace: account.Namespace, Secret: secret, Name: account.Name, UID: string(account.UID),
	})
}

// boundToken is the answer to a TokenRequest.
func (id identity) boundToken(account *corev1.ServiceAccount, audiences []string, now, expires time.Time, tokenID types.UID) (string, error) {
	return id.sign(claims{
		Claims: jwt.Claims{
			Issuer: id.issuer, Subject: subject(account), Audience: audiences, ID: string(tokenID),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(expires),
		},
		Bound: &boundClaims{Namespace: account.Namespace, ServiceAccount: boundObject{account.Name, string(account.UID)}},
	})
}

func subject(account *corev1.ServiceAccount) string {
	return "system:serviceaccount:" + account.Namespace + ":" + account.Name
}

func (id identity) sign(cl claims) (string, error) {
	if id.signingKey == nil {
		return "", errors.New("no job on the master holds the key for tokens")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: id.signingKey}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("set up the signer: %w", err)
	}
	payload, err := json.Marshal(cl)
	if err != nil {
		return "", fmt.Errorf("write the claims: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed.CompactSerialize()
}
