package uaa

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// Limits of the Verifier.
const (
	defaultSkew    = 30 * time.Second
	maxSkew        = time.Minute
	verifiedTokens = 20000
)

// VerifierConfig says which tokens count.
type VerifierConfig struct {
	Connection

	// Issuer is what claim iss must be, letter for letter:
	// https://HOST:8443/oauth/token.
	Issuer string
	// Audiences lists the resources a token may be for: one of them, or a
	// resource below one, must be among its audiences. Empty: any audience.
	Audiences []string
	// AnyZone accepts tokens of every identity zone; otherwise claim zid, if
	// there is one, must be "uaa".
	AnyZone bool

	// ClientID and ClientSecret are those of a client with the authority
	// uaa.resource, with which UAA is asked about tokens that cannot be checked
	// here. Empty: opaque tokens are refused.
	ClientID     string
	ClientSecret pks.Secret
	// CheckRevocation asks UAA about every JWT too, so that a revoked one stops
	// working within 30 seconds instead of at its expiry. Needs ClientID.
	CheckRevocation bool

	// Skew is how far the clocks may differ, up to a minute; 0: 30 s.
	Skew time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Verifier turns bearer tokens into principals. It is safe for concurrent use.
type Verifier struct {
	endpoint   *endpoint
	keys       *keyring
	asker      *asker // nil: UAA is never asked
	rules      rules
	audiences  []string // empty: any
	revocation bool
	now        func() time.Time
	verified   *cache[vouched]
}

// vouched is a JWT whose signature and claims were found good.
type vouched struct {
	token    Token
	audience audience
	version  uint64 // of the key set
}

// NewVerifier checks the configuration. It does not call UAA: the keys are
// fetched when first needed, or by Ready.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	if c.Issuer == "" {
		return nil, errors.New("issuer of tokens is not set")
	}
	if c.Skew < 0 || c.Skew > maxSkew {
		return nil, errors.New("allowed clock skew is not between 0 and 1 minute")
	}
	if c.CheckRevocation && c.ClientID == "" {
		return nil, errors.New("revocation cannot be checked without a client")
	}
	endpoint, err := newEndpoint(c.Connection)
	if err != nil {
		return nil, err
	}
	if c.Skew == 0 {
		c.Skew = defaultSkew
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	v := &Verifier{
		endpoint:   endpoint,
		keys:       newKeyring(endpoint, c.Now),
		rules:      rules{issuer: c.Issuer, anyZone: c.AnyZone, skew: c.Skew},
		audiences:  c.Audiences,
		revocation: c.CheckRevocation,
		now:        c.Now,
		verified:   newCache[vouched](verifiedTokens),
	}
	if c.ClientID != "" {
		v.asker = newAsker(endpoint, c.ClientID, c.ClientSecret, c.Now)
	}
	return v, nil
}

// Ready fetches the signing keys unless there are some, and says why tokens
// cannot be verified. After a failure it asks UAA again at growing intervals.
func (v *Verifier) Ready(ctx context.Context) error { return v.keys.ready(ctx) }

// Close ends what is under way and waits for it. The Verifier is of no use
// afterwards.
func (v *Verifier) Close() error {
	v.keys.close()
	if v.asker != nil {
		v.asker.close()
	}
	v.endpoint.close()
	return nil
}

// Verify tells who a bearer token speaks for. The error is a *pks.Failure:
// CodeUnauthenticated with one text for every kind of bad token, or
// CodeUAAUnavailable when UAA was needed and could not be asked.
func (v *Verifier) Verify(ctx context.Context, raw string) (Token, error) {
	token, audience, err := v.verify(ctx, raw)
	if err != nil {
		return Token{}, err
	}
	return v.meantFor(token, audience, v.audiences)
}

// VerifyPerson is Verify for what is open to every person that UAA knows: it also
// accepts access tokens that only tell who a person is, such as those of the
// client pks_cluster_client. They need not hold any scope of the product.
func (v *Verifier) VerifyPerson(ctx context.Context, raw string) (Token, error) {
	token, audience, err := v.verify(ctx, raw)
	if err != nil {
		return Token{}, err
	}
	resources := v.audiences
	if token.Principal.Kind == pks.PrincipalUser && len(resources) > 0 {
		resources = append(slices.Clone(resources), scopeOpenID)
	}
	return v.meantFor(token, audience, resources)
}

// meantFor refuses a token that is for none of the resources; none are any.
func (v *Verifier) meantFor(token Token, audience audience, resources []string) (Token, error) {
	if len(resources) > 0 && !audience.covers(resources) {
		return Token{}, refuse("token %q of client %q: audience %q holds none of %q", clip(token.JTI), clip(token.ClientID), clipAll(audience), resources)
	}
	return token, nil
}

func (v *Verifier) verify(ctx context.Context, raw string) (Token, audience, error) {
	if len(raw) > maxTokenBytes {
		return Token{}, nil, refuse("token has %d bytes", len(raw))
	}
	if !strings.Contains(raw, ".") {
		return v.verifyOpaque(ctx, raw)
	}
	return v.verifyJWT(ctx, raw)
}

func (v *Verifier) verifyJWT(ctx context.Context, raw string) (Token, audience, error) {
	sum := digestOf(raw)
	token, audience, err := v.vouch(ctx, sum, raw)
	if err != nil {
		return Token{}, nil, err
	}
	if v.revocation {
		if _, err := v.asker.ask(ctx, sum, raw); err != nil {
			return Token{}, nil, err
		}
	}
	return token, audience, nil
}

// vouch checks the token itself, or finds that it was checked before with the
// keys that are still in force.
func (v *Verifier) vouch(ctx context.Context, sum digest, raw string) (Token, audience, error) {
	if known, ok := v.verified.get(sum); ok {
		if known.version == v.keys.current() && v.now().Before(known.token.ExpiresAt.Add(v.rules.skew)) {
			return known.token.clone(), known.audience, nil
		}
		v.verified.remove(sum)
	}
	payload, version, err := v.openJWT(ctx, raw)
	if err != nil {
		return Token{}, nil, err
	}
	token, audience, err := v.judge(payload)
	if err != nil {
		return Token{}, nil, err
	}
	v.verified.put(sum, vouched{token: token, audience: audience, version: version})
	return token.clone(), audience, nil
}

func (v *Verifier) judge(payload []byte) (Token, audience, error) {
	claims, err := parseClaims(payload)
	if err != nil {
		return Token{}, nil, refuse("%w", err)
	}
	token, err := v.rules.judge(claims, v.now())
	return token, claims.Audience, err
}
