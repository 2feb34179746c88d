package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
	"github.com/pks-community/pks-release/src/pks"
)

// longestKept is how long a cluster's credential is used that does not tell
// until when it is good: a cluster that was made anew has others.
const longestKept = time.Hour

// Credential is what opens a cluster's Kubernetes API.
type Credential struct {
	Token       pks.Secret `json:"token,omitempty"`
	Certificate string     `json:"certificate,omitempty"` // PEM
	Key         pks.Secret `json:"key,omitempty"`         // PEM
	Until       time.Time  `json:"until"`

	// Refresh renews the token where people log in to the cluster, as the client of
	// UAA that the cluster trusts.
	Refresh pks.Secret `json:"refresh,omitempty"`
	Client  string     `json:"client,omitempty"`
}

// Cache keeps the credential of one cluster in a private file.
type Cache struct{ path string }

// Cache is that of a cluster, as one user of one API has it.
func (s *Store) Cache(api, user, cluster string) *Cache {
	sum := sha256.Sum256([]byte(api + "\n" + user + "\n" + cluster))
	return &Cache{path: filepath.Join(s.folder, "credentials", hex.EncodeToString(sum[:16])+".json")}
}

// Load gives out the credential, unless there is none that is good for a while. A
// file that cannot be read counts as none.
func (c *Cache) Load(now time.Time) (Credential, bool) {
	content, err := privatefile.Read(c.path)
	if err != nil {
		return Credential{}, false
	}
	return readCredential(content, now)
}

// readCredential also gives out one that is to be renewed.
func readCredential(content []byte, now time.Time) (kept Credential, good bool) {
	if err := json.Unmarshal(content, &kept); err != nil {
		return Credential{}, false
	}
	return kept, (kept.Token != "" || kept.Key != "") && kept.Until.Sub(now) > renewBefore
}

// Renew replaces the credential by what renew makes of it, unless another process
// has done so since: UAA may take each refresh token once only.
func (c *Cache) Renew(ctx context.Context, now time.Time, old Credential, renew func(context.Context, Credential) (Credential, error)) (Credential, error) {
	var renewed Credential
	err := c.change(ctx, func(ctx context.Context, content []byte) (Credential, error) {
		kept, good := readCredential(content, now)
		if good && !kept.Token.Equal(old.Token) {
			renewed = kept
			return kept, nil
		}
		if kept.Refresh == "" {
			kept = old
		}
		made, err := renew(ctx, kept)
		renewed = made.timed(now)
		return renewed, err
	})
	return renewed, err
}

// Store keeps a new credential until its token ends, and not for long if it does
// not tell. It returns the credential with that time.
func (c *Cache) Store(ctx context.Context, now time.Time, credential Credential) (Credential, error) {
	credential = credential.timed(now)
	err := c.change(ctx, func(context.Context, []byte) (Credential, error) { return credential, nil })
	return credential, err
}

// timed says until when the credential is good.
func (c Credential) timed(now time.Time) Credential {
	c.Until = now.Add(longestKept).Truncate(time.Second)
	if left, known := (&Tokens{now: func() time.Time { return now }}).left(c.Token); known && left < longestKept {
		c.Until = now.Add(left).Truncate(time.Second)
	}
	return c
}

// change edits the file while no other process can.
func (c *Cache) change(ctx context.Context, edit func(context.Context, []byte) (Credential, error)) error {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	err := privatefile.Change{
		Paths: []string{c.path},
		Keep:  0o600,
		Edit: func(ctx context.Context, old privatefile.Contents) (privatefile.Contents, error) {
			credential, err := edit(ctx, old[c.path])
			if err != nil {
				return nil, err
			}
			content, err := json.Marshal(credential)
			if err != nil {
				return nil, fmt.Errorf("write the credential: %w", err)
			}
			return privatefile.Contents{c.path: content}, nil
		},
	}.Apply(ctx)
	if err != nil {
		return fmt.Errorf("keep the credential: %w", err)
	}
	return nil
}
