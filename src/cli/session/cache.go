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
	var kept Credential
	if err := json.Unmarshal(content, &kept); err != nil {
		return Credential{}, false
	}
	return kept, (kept.Token != "" || kept.Key != "") && kept.Until.Sub(now) > renewBefore
}

// Store keeps a new credential until its token ends, and not for long if it does
// not tell. It returns the credential with that time.
func (c *Cache) Store(ctx context.Context, now time.Time, credential Credential) (Credential, error) {
	credential.Until = now.Add(longestKept).Truncate(time.Second)
	if left, known := (&Tokens{now: func() time.Time { return now }}).left(credential.Token); known && left < longestKept {
		credential.Until = now.Add(left).Truncate(time.Second)
	}
	content, err := json.Marshal(credential)
	if err != nil {
		return credential, fmt.Errorf("write the credential: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	err = privatefile.Change{
		Paths: []string{c.path},
		Keep:  0o600,
		Edit: func(context.Context, privatefile.Contents) (privatefile.Contents, error) {
			return privatefile.Contents{c.path: content}, nil
		},
	}.Apply(ctx)
	if err != nil {
		return credential, fmt.Errorf("keep the credential: %w", err)
	}
	return credential, nil
}
