package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

const secretsAtOnce = 8

var variableReference = regexp.MustCompile(`\(\(([^()\s]+)\)\)`)

// resolveSecrets finds the values behind every ((…)) of a manifest (§1.11). One
// that cannot be resolved is logged and left out.
func (b *Broker) resolveSecrets(ctx context.Context, deployment, manifest string) (map[string]string, error) {
	names := map[string]bool{}
	for _, m := range variableReference.FindAllStringSubmatch(manifest, -1) {
		names[m[1]] = true
	}
	if len(names) == 0 {
		return map[string]string{}, nil
	}
	variables, err := b.director.Variables(ctx, deployment)
	if err != nil {
		return nil, fmt.Errorf("list the variables of %s: %w", deployment, err)
	}
	var mu sync.Mutex
	credentials := map[string]credhub.Credential{} // by credential reference
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(secretsAtOnce)
	for reference := range credentialsOf(names) {
		group.Go(func() error {
			c, err := b.credential(ctx, reference, variables)
			if errors.Is(err, credhub.ErrNotFound) {
				b.logger.WarnContext(ctx, "Could not resolve "+reference, "error", err)
				return nil
			}
			if err != nil {
				return fmt.Errorf("resolve ((%s)): %w", reference, err)
			}
			mu.Lock()
			defer mu.Unlock()
			credentials[reference] = c
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for name := range names {
		reference, key := splitReference(name)
		c, ok := credentials[reference]
		if !ok {
			continue
		}
		if value, ok := valueOf(c.Value, key); ok {
			values["(("+name+"))"] = value
		}
	}
	return values, nil
}

// credentialsOf drops the sub-keys, so that a certificate is fetched once.
func credentialsOf(names map[string]bool) map[string]bool {
	all := map[string]bool{}
	for name := range names {
		reference, _ := splitReference(name)
		all[reference] = true
	}
	return all
}

// splitReference parts a.b into credential a and sub-key b. Dots of the folders
// of an absolute name belong to the name.
func splitReference(name string) (credential, key string) {
	folder, last := "", name
	if i := strings.LastIndex(name, "/"); i >= 0 {
		folder, last = name[:i+1], name[i+1:]
	}
	credential, key, _ = strings.Cut(last, ".")
	return folder + credential, key
}

// credential prefers the version that the deployment uses to the newest.
func (b *Broker) credential(ctx context.Context, reference string, variables []director.Variable) (credhub.Credential, error) {
	absolute := strings.HasPrefix(reference, "/")
	for _, v := range variables {
		if v.Name == reference || (!absolute && strings.HasSuffix(v.Name, "/"+reference)) {
			return b.secrets.ByID(ctx, v.ID)
		}
	}
	if !absolute {
		return credhub.Credential{}, credhub.ErrNotFound
	}
	return b.secrets.ByName(ctx, reference)
}

// valueOf is the text of a credential or of one of its members; what is not text
// is given as JSON.
func valueOf(value json.RawMessage, key string) (string, bool) {
	if key != "" {
		var members map[string]json.RawMessage
		if json.Unmarshal(value, &members) != nil {
			return "", false
		}
		member, ok := members[key]
		if !ok {
			return "", false
		}
		value = member
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text, true
	}
	return string(value), true
}

// refersTo tells whether a manifest has ((path)) or ((path.key)).
func refersTo(manifest, path string) bool {
	return strings.Contains(manifest, "(("+path+"))") || strings.Contains(manifest, "(("+path+".")
}

// prepare writes what a deploy of the manifest relies on: the adapter's secrets,
// those that are referred to, and its BOSH configs.
func (b *Broker) prepare(ctx context.Context, deployment string, m runner.Manifest) error {
	if b.secrets != nil {
		for name, value := range m.Secrets {
			path := b.secretFolder(deployment) + "/" + name
			if !refersTo(m.Text, path) {
				continue
			}
			if err := b.secrets.Put(ctx, path, value); err != nil {
				return fmt.Errorf("store secret %s: %w", path, err)
			}
		}
	}
	for kind, content := range m.Configs {
		config := director.BOSHConfig{Type: kind, Name: deployment, Content: content}
		if err := b.director.PutConfig(ctx, config); err != nil {
			return fmt.Errorf("write BOSH config %s/%s: %w", kind, deployment, err)
		}
	}
	return nil
}
