package uaatest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// Target is the UAA to examine. The suite makes clients, groups and users with
// names of its own, and deletes them.
type Target struct {
	URL    string
	Issuer string // empty: URL + "/oauth/token"
	CA     []byte // PEM; empty: the system's
	// AdminID and AdminSecret are those of a client with the authorities
	// clients.read, clients.write, clients.secret, uaa.admin, scim.read,
	// scim.write and password.write.
	AdminID     string
	AdminSecret pks.Secret
}

// FromEnvironment is the UAA named by PKS_TEST_UAA_URL, PKS_TEST_UAA_ISSUER,
// PKS_TEST_UAA_CA_FILE, PKS_TEST_UAA_ADMIN and PKS_TEST_UAA_ADMIN_SECRET; false
// when there is no address.
func FromEnvironment() (Target, bool, error) {
	t := Target{URL: os.Getenv("PKS_TEST_UAA_URL"), Issuer: os.Getenv("PKS_TEST_UAA_ISSUER"),
		AdminID: os.Getenv("PKS_TEST_UAA_ADMIN"), AdminSecret: pks.Secret(os.Getenv("PKS_TEST_UAA_ADMIN_SECRET"))}
	if t.URL == "" {
		return Target{}, false, nil
	}
	if t.AdminID == "" || t.AdminSecret == "" {
		return Target{}, false, errors.New("PKS_TEST_UAA_URL is set, but not the admin client and its secret")
	}
	if file := os.Getenv("PKS_TEST_UAA_CA_FILE"); file != "" {
		ca, err := os.ReadFile(file)
		if err != nil {
			return Target{}, false, err
		}
		t.CA = ca
	}
	return t, true, nil
}

// bench is one test's view of the target.
type bench struct {
	Target
	t     *testing.T
	http  *http.Client
	admin string // access token of the admin client
}

const suiteTimeout = time.Minute

func newBench(t *testing.T, target Target) *bench {
	t.Helper()
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(target.CA) > 0 {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(target.CA) {
			t.Fatal("CA holds no certificate")
		}
	}
	if target.Issuer == "" {
		target.Issuer = target.URL + "/oauth/token"
	}
	transport := &http.Transport{TLSClientConfig: settings}
	t.Cleanup(transport.CloseIdleConnections)
	b := &bench{Target: target, t: t, http: &http.Client{Transport: transport, Timeout: suiteTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	tokens, err := b.client(target.AdminID, target.AdminSecret).ClientCredentials(b.context())
	if err != nil {
		t.Fatalf("admin client cannot log in: %v", err)
	}
	b.admin = tokens.Access.Reveal()
	return b
}

// context lasts for one test, clean-up included.
func (b *bench) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), suiteTimeout)
	b.t.Cleanup(cancel)
	return ctx
}

func (b *bench) client(id string, secret pks.Secret) *uaa.Client {
	b.t.Helper()
	client, err := uaa.NewClient(uaa.ClientConfig{
		Connection: uaa.Connection{URL: b.URL, CA: b.CA}, ClientID: id, ClientSecret: secret,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	return client
}

func (b *bench) verifier(change ...func(*uaa.VerifierConfig)) *uaa.Verifier {
	b.t.Helper()
	config := uaa.VerifierConfig{Connection: uaa.Connection{URL: b.URL, CA: b.CA}, Issuer: b.Issuer, Audiences: []string{uaa.DefaultAudience}}
	for _, c := range change {
		c(&config)
	}
	v, err := uaa.NewVerifier(config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = v.Close() })
	return v
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any // when it is an object
}

// call sends a JSON request with the headers given as pairs.
func (b *bench) call(method, path, token string, body any, headers ...string) answer {
	b.t.Helper()
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			b.t.Fatal(err)
		}
		headers = append(headers, "Content-Type", "application/json")
	}
	if token != "" {
		headers = append(headers, "Authorization", "Bearer "+token)
	}
	return b.send(method, path, content, headers...)
}

// form posts a form as a client, or with an empty id as nobody.
func (b *bench) form(path, client, secret string, form url.Values) answer {
	b.t.Helper()
	headers := []string{"Content-Type", "application/x-www-form-urlencoded"}
	if client != "" {
		pair := url.QueryEscape(client) + ":" + url.QueryEscape(secret)
		headers = append(headers, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)), "X-CF-ENCODED-CREDENTIALS", "true")
	}
	return b.send(http.MethodPost, path, []byte(form.Encode()), headers...)
}

func (b *bench) send(method, path string, content []byte, headers ...string) answer {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.context(), method, b.URL+path, bytes.NewReader(content))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.http.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.body)
	return a
}

// want fails the test unless the answer has the status and, if given, the OAuth
// error code.
func (b *bench) want(a answer, status int, codes ...string) answer {
	b.t.Helper()
	if a.status != status {
		b.t.Fatalf("status is %d, want %d; body: %s", a.status, status, a.text)
	}
	if len(codes) == 0 {
		return a
	}
	for _, code := range codes {
		if a.body["error"] == code {
			return a
		}
	}
	b.t.Fatalf("error is %v, want one of %q; body: %s", a.body["error"], codes, a.text)
	return a
}

func (a answer) string(name string) string {
	text, _ := a.body[name].(string)
	return text
}

// unique makes a name that nobody else has.
func unique(prefix string) string {
	bytes := make([]byte, 6)
	_, _ = rand.Read(bytes)
	return prefix + "-" + hex.EncodeToString(bytes)
}

// addClient makes a client and deletes it in the end.
func (b *bench) addClient(secret string, members map[string]any) string {
	b.t.Helper()
	id := unique("uaatest-client")
	body := map[string]any{"client_id": id, "client_secret": secret}
	for name, value := range members {
		body[name] = value
	}
	b.want(b.call(http.MethodPost, "/oauth/clients", b.admin, body), http.StatusCreated)
	b.t.Cleanup(func() { b.call(http.MethodDelete, "/oauth/clients/"+id, b.admin, nil) })
	return id
}

// person is a user that exists.
type person struct{ id, name, password string }

// addUser makes a user in the groups named and deletes it in the end.
func (b *bench) addUser(groups ...string) person {
	b.t.Helper()
	p := person{name: unique("uaatest-user"), password: unique("secret &=+%")}
	a := b.want(b.call(http.MethodPost, "/Users", b.admin, map[string]any{
		"userName": p.name, "password": p.password, "origin": "uaa",
		"name":   map[string]string{"givenName": "Alana", "familyName": "Example"},
		"emails": []map[string]any{{"value": p.name + "@example.com", "primary": true}},
	}), http.StatusCreated)
	p.id = a.string("id")
	b.t.Cleanup(func() { b.call(http.MethodDelete, "/Users/"+p.id, b.admin, nil) })
	for _, group := range groups {
		b.want(b.call(http.MethodPost, "/Groups/"+b.groupID(group)+"/members", b.admin,
			map[string]string{"origin": "uaa", "type": "USER", "value": p.id}), http.StatusCreated)
	}
	return p
}

// groupID finds the group, or makes one that stays.
func (b *bench) groupID(name string) string {
	b.t.Helper()
	for range 2 {
		found := b.want(b.call(http.MethodGet, "/Groups?filter="+url.QueryEscape(`displayName eq "`+name+`"`), b.admin, nil), http.StatusOK)
		if resources, _ := found.body["resources"].([]any); len(resources) == 1 {
			id, _ := resources[0].(map[string]any)["id"].(string)
			return id
		}
		a := b.call(http.MethodPost, "/Groups", b.admin, map[string]any{"displayName": name})
		if a.status != http.StatusCreated && a.status != http.StatusConflict {
			b.t.Fatalf("make group %s: status %d: %s", name, a.status, a.text)
		}
	}
	b.t.Fatalf("group %s can be neither found nor made", name)
	return ""
}

// payload decodes the claims of a JWT without checking it.
func (b *bench) payload(token string) map[string]any {
	b.t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		b.t.Fatalf("token has %d parts", len(parts))
	}
	content, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		b.t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(content, &claims); err != nil {
		b.t.Fatal(err)
	}
	return claims
}
