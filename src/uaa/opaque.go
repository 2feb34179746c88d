package uaa

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// Times and bounds of asking UAA about a token (reference/uaa.md §16.3).
const (
	acceptedFor  = 30 * time.Second
	refusedFor   = 5 * time.Second
	askTimeout   = 5 * time.Second
	askedTokens  = 10000
	maxQuestions = 16 // to UAA at one moment
)

// opaqueToken is the form of UAA's opaque tokens; what does not look like one is
// not worth a question.
var opaqueToken = regexp.MustCompile(`^[A-Za-z0-9_\-+/=~]{30,512}$`)

func (v *Verifier) verifyOpaque(ctx context.Context, raw string) (Token, audience, error) {
	if !opaqueToken.MatchString(raw) {
		return Token{}, nil, refuse("token is neither a JWT nor an opaque token")
	}
	if v.asker == nil {
		return Token{}, nil, refuse("token is opaque, and no client is configured to ask UAA about it")
	}
	claims, err := v.asker.ask(ctx, digestOf(raw), raw)
	if err != nil {
		return Token{}, nil, err
	}
	return v.judge(claims)
}

// asker lets UAA judge tokens and remembers the verdicts for a moment.
type asker struct {
	endpoint   *endpoint
	header     http.Header
	now        func() time.Time
	slots      chan struct{}
	verdicts   *cache[verdict]
	introspect atomic.Bool // UAA has /check_token no more

	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	flights map[digest]*flight
	closed  bool
}

type verdict struct {
	claims []byte // of a good token
	err    error  // refusal of a bad one
	until  time.Time
}

// flight is one question under way that several callers wait for.
type flight struct {
	done    chan struct{}
	verdict verdict
}

func newAsker(endpoint *endpoint, client string, secret pks.Secret, now func() time.Time) *asker {
	life, end := context.WithCancel(context.Background())
	return &asker{
		endpoint: endpoint,
		header:   basicHeader(client, secret),
		now:      now,
		slots:    make(chan struct{}, maxQuestions),
		verdicts: newCache[verdict](askedTokens),
		life:     life,
		end:      end,
		flights:  map[digest]*flight{},
	}
}

func (a *asker) close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.end()
	a.work.Wait()
}

// ask returns the token's claims as UAA sees them.
func (a *asker) ask(ctx context.Context, sum digest, raw string) ([]byte, error) {
	if v, ok := a.verdicts.get(sum); ok {
		if a.now().Before(v.until) {
			return v.claims, v.err
		}
		a.verdicts.remove(sum)
	}
	f, err := a.join(sum, raw)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
		return f.verdict.claims, f.verdict.err
	case <-ctx.Done():
		return nil, unavailable(fmt.Errorf("ask UAA about a token: %w", context.Cause(ctx)))
	}
}

// join finds the question under way about the token, or starts it.
func (a *asker) join(sum digest, raw string) (*flight, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f, ok := a.flights[sum]; ok {
		return f, nil
	}
	if a.closed {
		return nil, unavailable(context.Canceled)
	}
	f := &flight{done: make(chan struct{})}
	a.flights[sum] = f
	a.work.Go(func() {
		ctx, cancel := context.WithTimeout(a.life, askTimeout)
		defer cancel()
		f.verdict = a.question(ctx, raw)
		if !f.verdict.until.IsZero() {
			a.verdicts.put(sum, f.verdict)
		}
		a.mu.Lock()
		delete(a.flights, sum)
		a.mu.Unlock()
		close(f.done)
	})
	return f, nil
}

func (a *asker) question(ctx context.Context, raw string) verdict {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return verdict{err: unavailable(fmt.Errorf("ask UAA about a token: %w", context.Cause(ctx)))}
	}
	claims, err := a.send(ctx, raw)
	switch {
	case err == nil:
		return verdict{claims: claims, until: a.now().Add(acceptedFor)}
	case isRefusal(err):
		return verdict{err: err, until: a.now().Add(refusedFor)}
	}
	return verdict{err: err}
}

// send asks /check_token, and /introspect where a newer UAA has dropped it
// (reference/uaa.md §7).
func (a *asker) send(ctx context.Context, raw string) ([]byte, error) {
	body := []byte(url.Values{"token": {raw}}.Encode())
	if !a.introspect.Load() {
		answer, err := a.endpoint.send(ctx, http.MethodPost, "/check_token", a.header, body)
		if err != nil {
			return nil, unavailable(fmt.Errorf("check token: %w", err))
		}
		if answer.status != http.StatusNotFound && answer.status != http.StatusMethodNotAllowed {
			return readCheck(answer)
		}
		a.introspect.Store(true)
	}
	answer, err := a.endpoint.send(ctx, http.MethodPost, "/introspect", a.header, body)
	if err != nil {
		return nil, unavailable(fmt.Errorf("introspect token: %w", err))
	}
	return readIntrospection(answer)
}

func readCheck(answer response) ([]byte, error) {
	switch answer.status {
	case http.StatusOK:
		var claims map[string]json.RawMessage
		if json.Unmarshal(answer.body, &claims) == nil && claims != nil {
			return answer.body, nil
		}
		return nil, unavailable(errors.New("check token: answer holds no claims"))
	case http.StatusBadRequest:
		var problem struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(answer.body, &problem) == nil && problem.Error == "invalid_token" {
			return nil, refuse("UAA finds the token invalid")
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, unavailable(fmt.Errorf("check token: UAA answered status %d: the configured client is wrong or lacks the authority uaa.resource", answer.status))
	}
	return nil, unavailable(fmt.Errorf("check token: UAA answered status %d", answer.status))
}

func readIntrospection(answer response) ([]byte, error) {
	if answer.status != http.StatusOK {
		return nil, unavailable(fmt.Errorf("introspect token: UAA answered status %d", answer.status))
	}
	var state struct {
		Active *bool `json:"active"`
	}
	if err := json.Unmarshal(answer.body, &state); err != nil || state.Active == nil {
		return nil, unavailable(errors.New("introspect token: answer is not an introspection"))
	}
	if !*state.Active {
		return nil, refuse("UAA finds the token inactive")
	}
	return answer.body, nil
}

// basicHeader authenticates a client in the way every UAA understands
// (reference/uaa.md §2.1): both parts URL-encoded, and said so.
func basicHeader(client string, secret pks.Secret) http.Header {
	pair := url.QueryEscape(client) + ":" + url.QueryEscape(secret.Reveal())
	return http.Header{
		"Authorization":            {"Basic " + base64.StdEncoding.EncodeToString([]byte(pair))},
		"Content-Type":             {"application/x-www-form-urlencoded"},
		"X-Cf-Encoded-Credentials": {"true"},
	}
}
