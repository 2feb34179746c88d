package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/broker/runner"
)

// sameConfigs tells whether the configs that an adapter made are there already;
// there may be more.
func sameConfigs(made, there map[string]string) bool {
	for kind, content := range made {
		old, ok := there[kind]
		if !ok {
			return false
		}
		if same, err := sameManifest(old, content); err != nil || !same {
			return false
		}
	}
	return true
}

// secretsKept tells whether the secrets that an adapter made for a manifest are
// kept already, with the same values.
func (b *Broker) secretsKept(ctx context.Context, deployment string, m runner.Manifest) (bool, error) {
	if b.secrets == nil {
		return true, nil
	}
	for name, value := range m.Secrets {
		path := b.secretFolder(deployment) + "/" + name
		if !refersTo(m.Text, path) {
			continue
		}
		kept, err := b.secrets.ByName(ctx, path)
		if errors.Is(err, credhub.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("fetch secret %s: %w", path, err)
		}
		if !holds(kept.Value, value) {
			return false, nil
		}
	}
	return true, nil
}

// holds tells whether a credential has the value, or every member of it: the store
// adds some of its own to a certificate.
func holds(kept json.RawMessage, value any) bool {
	text, err := json.Marshal(value)
	if err != nil {
		return false
	}
	var wanted, there any
	if json.Unmarshal(text, &wanted) != nil || json.Unmarshal(kept, &there) != nil {
		return false
	}
	members, isObject := wanted.(map[string]any)
	if !isObject {
		return reflect.DeepEqual(wanted, there)
	}
	all, isObject := there.(map[string]any)
	for key, member := range members {
		if !isObject || !reflect.DeepEqual(member, all[key]) {
			return false
		}
	}
	return isObject
}
