package uaa

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

func TestGoodTokensNameTheirPrincipal(t *testing.T) {
	t.Parallel()
	now := time.Now()
	expires := time.Unix(now.Add(10*time.Minute).Unix(), 0)
	user := Token{
		Principal: pks.Principal{Kind: pks.PrincipalUser, Origin: "ldap", ID: "5d1f", Name: "alana"},
		Scopes:    []string{ScopeManage}, ClientID: "pks_cli", JTI: "b7c1", ExpiresAt: expires,
	}
	client := Token{
		Principal: pks.Principal{Kind: pks.PrincipalClient, ID: "ci-bot", Name: "ci-bot"},
		Scopes:    []string{ScopeAdmin}, ClientID: "ci-bot", JTI: "e2aa", ExpiresAt: expires,
	}
	readOnly, lookalike := user, user
	readOnly.Scopes = []string{ScopeAdminRead}
	lookalike.Scopes = []string{"pks.clusters.administrator"}
	nobody := user
	nobody.Scopes = []string{}
	tests := map[string]struct {
		header any
		claims any
		want   Token
	}{
		"user":                           {jwtHeader(), userClaims(now), user},
		"client":                         {jwtHeader(), clientClaims(now), client},
		"read-only, audience is deeper":  {jwtHeader(), userClaims(now).with("scope", []string{ScopeAdminRead}).with("aud", []string{"pks_cli", "pks.clusters.admin"}), readOnly},
		"scope that only looks like one": {jwtHeader(), userClaims(now).with("scope", []string{"pks.clusters.administrator"}), lookalike},
		"no scope at all":                {jwtHeader(), userClaims(now).with("scope", []string{}), nobody},
		"audience is a text":             {jwtHeader(), userClaims(now).with("aud", "pks.clusters"), user},
		"zone excluded by the operator":  {jwtHeader(), userClaims(now).without("zid"), user},
		"client_id excluded":             {jwtHeader(), userClaims(now).without("client_id"), user},
		"jku to a hostile host":          {jwtHeader().with("jku", "https://evil.example.com/keys"), userClaims(now), user},
		"key inside the header":          {jwtHeader().with("jwk", publicJWK("key-1", testKeys()["stranger"])), userClaims(now), user},
		"clock a little ahead":           {jwtHeader(), userClaims(now).with("iat", now.Add(20*time.Second).Unix()), user},
	}
	fake := newFake(keyOne())
	v := newTestVerifier(t, fake)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := verify(t, v, mint(t, "key-1", test.header, test.claims))
			wantToken(t, got, err, test.want)
		})
	}
}

func TestScopesAreComparedWhole(t *testing.T) {
	t.Parallel()
	token := Token{Scopes: []string{"pks.clusters.administrator"}}
	if token.Has(ScopeAdmin) || token.HasAny(ScopeAdmin, ScopeManage) || !token.Has("pks.clusters.administrator") {
		t.Fatal("a scope was matched by a part of it")
	}
}

func TestBadTokensAreRefusedAlike(t *testing.T) {
	t.Parallel()
	now := time.Now()
	good := userClaims(now)
	goodToken := mint(t, "key-1", jwtHeader(), good)
	parts := strings.Split(goodToken, ".")
	publicDER, err := x509.MarshalPKIXPublicKey(&testKeys()["key-1"].PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})
	hs256 := func(secret []byte) string {
		input := encodePart(t, jwtHeader().with("alg", "HS256")) + "." + encodePart(t, good)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	unsigned := func(alg string) string {
		return encodePart(t, jwtHeader().with("alg", alg)) + "." + encodePart(t, good) + "."
	}
	with := func(name string, value any) string { return mint(t, "key-1", jwtHeader(), good.with(name, value)) }
	without := func(name string) string { return mint(t, "key-1", jwtHeader(), good.without(name)) }
	header := func(h any) string { return mint(t, "key-1", h, good) }

	tests := map[string]struct{ token, cause string }{
		"expired":                       {with("exp", now.Add(-time.Minute).Unix()), "expired"},
		"exp missing":                   {without("exp"), "exp is missing"},
		"exp is a text":                 {with("exp", "4102444800"), "wrong type"},
		"exp is huge":                   {with("exp", 1e300), "out of range"},
		"exp is negative":               {with("exp", -1), "out of range"},
		"issued in the future":          {with("iat", now.Add(2*time.Minute).Unix()), "iat lies in the future"},
		"not yet valid":                 {with("nbf", now.Add(2*time.Minute).Unix()), "nbf lies in the future"},
		"another issuer":                {with("iss", "https://other.example.com:8443/oauth/token"), "issuer"},
		"issuer with a trailing slash":  {with("iss", testIssuer+"/"), "issuer"},
		"issuer missing":                {without("iss"), "issuer"},
		"another audience":              {with("aud", []string{"pks_cli", "cloud_controller"}), "audience"},
		"audience that looks alike":     {with("aud", []string{"pks.clustersx"}), "audience"},
		"audience above":                {with("aud", []string{"pks"}), "audience"},
		"audience missing":              {without("aud"), "audience"},
		"audience is a number":          {with("aud", 7), "wrong type"},
		"another zone":                  {with("zid", "other"), "zone"},
		"alg none":                      {unsigned("none"), "malformed"},
		"alg none with a signature":     {header(jwtHeader().with("alg", "none")), "RS256"},
		"alg None":                      {header(jwtHeader().with("alg", "None")), "RS256"},
		"alg rs256 in lower case":       {header(jwtHeader().with("alg", "rs256")), "RS256"},
		"alg PS256":                     {header(jwtHeader().with("alg", "PS256")), "RS256"},
		"alg missing":                   {header(jwtHeader().without("alg")), "RS256"},
		"HS256 with the public PEM":     {hs256(publicPEM), "RS256"},
		"HS256 with the public DER":     {hs256(publicDER), "RS256"},
		"unknown kid":                   {header(jwtHeader().with("kid", "key-9")), "unknown"},
		"kid missing":                   {header(jwtHeader().without("kid")), "kid"},
		"kid empty":                     {header(jwtHeader().with("kid", "")), "kid"},
		"kid is a number":               {header(jwtHeader().with("kid", 1)), "malformed"},
		"kid too long":                  {header(jwtHeader().with("kid", strings.Repeat("k", 257))), "kid"},
		"kid of an EC key":              {header(jwtHeader().with("kid", "ec")), "unknown"},
		"kid of an encryption key":      {header(jwtHeader().with("kid", "enc")), "unknown"},
		"kid of a 1024 bit key":         {mint(t, "weak", jwtHeader().with("kid", "weak"), good), "unknown"},
		"signed by another key":         {mint(t, "stranger", jwtHeader(), good), "signature"},
		"alg twice":                     {header(`{"alg":"RS256","alg":"RS256","kid":"key-1"}`), "malformed"},
		"kid twice":                     {header(`{"alg":"RS256","kid":"key-1","kid":"key-1"}`), "malformed"},
		"exp twice":                     {mint(t, "key-1", jwtHeader(), `{"exp":1,"exp":4102444800}`), "twice"},
		"scope twice":                   {mint(t, "key-1", jwtHeader(), `{"scope":[],"scope":["pks.clusters.admin"]}`), "twice"},
		"crit":                          {header(jwtHeader().with("crit", []string{"exp"})), "crit"},
		"crit b64":                      {header(jwtHeader().with("crit", []string{"b64"}).with("b64", false)), "crit"},
		"header is an array":            {header(`[]`), "malformed"},
		"header is null":                {header(`null`), "RS256"},
		"claims are an array":           {mint(t, "key-1", jwtHeader(), `["x"]`), "claims"},
		"claims are no JSON":            {mint(t, "key-1", jwtHeader(), `{"exp":`), "claims"},
		"truncated signature":           {goodToken[:len(goodToken)-4], ""},
		"empty signature":               {parts[0] + "." + parts[1] + ".", "malformed"},
		"empty payload":                 {parts[0] + ".." + parts[2], "malformed"},
		"changed payload":               {parts[0] + "." + encodePart(t, good.with("scope", []string{ScopeAdmin})) + "." + parts[2], "signature"},
		"padded base64":                 {parts[0] + "=." + parts[1] + "." + parts[2], "malformed"},
		"line break inside":             {parts[0] + ".\n" + parts[1] + "." + parts[2], "malformed"},
		"standard base64 alphabet":      {parts[0] + "." + parts[1] + "." + strings.Repeat("+/", 171), "malformed"},
		"four parts":                    {goodToken + ".x", "malformed"},
		"two parts":                     {parts[0] + "." + parts[1], "malformed"},
		"refresh token by jti":          {with("jti", "b7c1-r"), "refresh"},
		"refresh token by its scopes":   {mint(t, "key-1", jwtHeader(), good.without("scope").with("granted_scopes", []string{ScopeAdmin})), "refresh"},
		"ID token":                      {with("scope", []string{"openid"}), "ID token"},
		"scope missing":                 {without("scope"), "scope is missing"},
		"scope null":                    {with("scope", nil), "scope is missing"},
		"scope is a text":               {with("scope", ScopeAdmin), "wrong type"},
		"authorities without scope":     {mint(t, "key-1", jwtHeader(), clientClaims(now).without("scope")), "scope is missing"},
		"neither user nor client":       {without("user_id"), "neither"},
		"client token naming a user":    {with("grant_type", "client_credentials"), "names a user"},
		"client token without a client": {mint(t, "key-1", jwtHeader(), clientClaims(now).without("client_id").without("cid")), "neither"},
		"user without a name":           {without("user_name"), "user_name"},
		"user without an origin":        {without("origin"), "origin"},
		"subject of somebody else":      {with("sub", "6e20"), "subject"},
		"subject of another client":     {mint(t, "key-1", jwtHeader(), clientClaims(now).with("sub", "admin")), "subject"},
		"1 MiB":                         {goodToken + strings.Repeat("A", 1<<20), "bytes"},
		"empty":                         {"", "neither a JWT"},
		"garbage":                       {"not a token", "neither a JWT"},
		"control characters":            {strings.Repeat("\x00", 40), "neither a JWT"},
	}
	ec := map[string]any{"kty": "EC", "crv": "P-256", "kid": "ec", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
	enc := publicJWK("enc", testKeys()["key-2"])
	enc["use"] = "enc"
	fake := newFake(keyOne(), ec, enc, publicJWK("weak", testKeys()["weak"]), map[string]any{"kty": 7}, "rubbish")
	v := newTestVerifier(t, fake)
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	var text string
	for name, test := range tests {
		if test.token == goodToken {
			t.Fatalf("%s: the token is the good one", name)
		}
		_, err := verify(t, v, test.token)
		failure, ok := err.(*pks.Failure)
		if !ok || failure.Code != pks.CodeUnauthenticated {
			t.Errorf("%s: error is %v, want a refusal", name, err)
			continue
		}
		if !strings.Contains(failure.Operator, test.cause) {
			t.Errorf("%s: cause is %q, want it to contain %q", name, failure.Operator, test.cause)
		}
		if text == "" {
			text = failure.Message()
		}
		if failure.Message() != text {
			t.Errorf("%s: message is %q, others get %q", name, failure.Message(), text)
		}
		if len(test.token) > 20 && strings.Contains(failure.Error(), test.token[len(test.token)-20:]) {
			t.Errorf("%s: the error repeats the token", name)
		}
	}
	if _, err := verify(t, v, goodToken); err != nil {
		t.Fatalf("the good token was refused: %v", err)
	}
}

func TestAudienceAndZoneCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	now := time.Now()
	v := newTestVerifier(t, newFake(keyOne()), func(c *VerifierConfig) { c.Audiences, c.AnyZone = nil, true })
	for _, claims := range []document{clientClaims(now).with("aud", []string{"bosh"}), clientClaims(now).without("aud"), clientClaims(now).with("zid", "other")} {
		if _, err := verify(t, v, mint(t, "key-1", jwtHeader(), claims)); err != nil {
			t.Errorf("refused: %v", err)
		}
	}
}

func TestVerifiedTokenIsKeptUntilItExpires(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := &fixedClock{now: now}
	v := newTestVerifier(t, newFake(keyOne()), func(c *VerifierConfig) { c.Now = clock.read })
	raw := mint(t, "key-1", jwtHeader(), userClaims(now).with("exp", now.Add(time.Minute).Unix()))
	first, err := verify(t, v, raw)
	if err != nil {
		t.Fatal(err)
	}
	first.Scopes[0] = ScopeAdmin // a caller's business, not the cache's
	second, err := verify(t, v, raw)
	if err != nil || !second.Has(ScopeManage) || second.Has(ScopeAdmin) {
		t.Fatalf("second look gives %+v, %v", second, err)
	}
	second.Scopes[0] = ScopeAdmin
	if third, err := verify(t, v, raw); err != nil || third.Has(ScopeAdmin) {
		t.Fatalf("third look gives %+v, %v", third, err)
	}
	if v.verified.len() != 1 {
		t.Fatalf("cache holds %d tokens, want 1", v.verified.len())
	}
	clock.advance(91 * time.Second)
	_, err = verify(t, v, raw)
	wantFailure(t, err, pks.CodeUnauthenticated)
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	good := VerifierConfig{Connection: Connection{URL: testURL}, Issuer: testIssuer}
	tests := map[string]func(*VerifierConfig){
		"issuer":             func(c *VerifierConfig) { c.Issuer = "" },
		"https://HOST:PORT":  func(c *VerifierConfig) { c.URL = "uaa.example.com:8443" },
		"not a URL":          func(c *VerifierConfig) { c.URL = "https://%zz" },
		"form https":         func(c *VerifierConfig) { c.URL = testURL + "?x=y" },
		"no PEM certificate": func(c *VerifierConfig) { c.CA = []byte("not PEM") },
		"skew":               func(c *VerifierConfig) { c.Skew = time.Hour },
		"without a client":   func(c *VerifierConfig) { c.CheckRevocation = true },
	}
	for part, spoil := range tests {
		config := good
		spoil(&config)
		if _, err := NewVerifier(config); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error is %v, want one about %q", err, part)
		}
	}
	if _, err := NewVerifier(VerifierConfig{Connection: Connection{URL: "https://user:hunter2@host"}, Issuer: "x"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error is %v, want one without the password", err)
	}
}

func TestBearerToken(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		headers []string
		want    string
		missing bool
	}{
		"plain":              {headers: []string{"Bearer abc"}, want: "abc"},
		"scheme in any case": {headers: []string{"bEaReR abc"}, want: "abc"},
		"several spaces":     {headers: []string{"Bearer   abc "}, want: "abc"},
		"none":               {missing: true},
		"two headers":        {headers: []string{"Bearer abc", "Bearer abc"}},
		"basic":              {headers: []string{"Basic YTpi"}},
		"scheme only":        {headers: []string{"Bearer"}},
		"no token":           {headers: []string{"Bearer  "}},
		"two tokens":         {headers: []string{"Bearer abc def"}},
		"two schemes":        {headers: []string{"Bearer abc, Basic YTpi"}},
		"empty header":       {headers: []string{""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequest(http.MethodGet, "https://api.example.com/v1/clusters?access_token=abc", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header["Authorization"] = test.headers
			got, err := BearerToken(r)
			if got != test.want {
				t.Fatalf("token is %q, want %q", got, test.want)
			}
			if test.want != "" {
				return
			}
			failure := wantFailure(t, err, pks.CodeUnauthenticated)
			if missing := failure.Unwrap() == ErrNoToken; missing != test.missing {
				t.Fatalf("cause is %v", failure.Unwrap())
			}
		})
	}
}
