package adapter

import (
	"encoding/json"
	"strings"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// resolve puts the values of secrets in the place of every ((reference)) of a
// text. The broker keys them with their parentheses, and gives structured ones as
// JSON (reference/on-demand-broker.md §1.11).
func resolve(text string, secrets serviceadapter.ManifestSecrets) (string, error) {
	var unknown string
	out := reference.ReplaceAllStringFunc(text, func(placeholder string) string {
		value, ok := lookUp(placeholder, secrets)
		if !ok && unknown == "" {
			unknown = placeholder
		}
		return value
	})
	if unknown != "" {
		return "", refuse("secrets: the value of %s is missing.", unknown).
			WithRemedy("Set broker.enable_secure_manifests and bosh_credhub in the broker's configuration, and check that the broker's UAA client has credhub.read.")
	}
	if out == "" {
		return "", refuse("manifest: the API server's credentials are missing.").WithRemedy("Compare it with 'bosh manifest'.")
	}
	return out, nil
}

func lookUp(placeholder string, secrets serviceadapter.ManifestSecrets) (string, bool) {
	if value, ok := secrets[placeholder]; ok && value != "" {
		return value, true
	}
	name := strings.TrimSuffix(strings.TrimPrefix(placeholder, "(("), "))")
	whole, member, found := cutLast(name, ".")
	if !found {
		return "", false
	}
	var members map[string]string
	if err := json.Unmarshal([]byte(secrets[ref(whole)]), &members); err != nil {
		return "", false
	}
	value := members[member]
	return value, value != ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
