package adapter

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/pks"
)

// Names under which the broker keeps what must not stand in a manifest.
const (
	secretHTTPProxy  = "http_proxy_password"
	secretHTTPSProxy = "https_proxy_password"
	secretNSXKey     = "nsx_client_key"
)

var reference = regexp.MustCompile(`\(\([-/.\w\p{L}:!]+\)\)`)

// lookalike is wider: whatever the Director or a broker might take for one.
var lookalike = regexp.MustCompile(`\(\([^()]*\)\)`)

// isReference tells whether the whole text is one ((reference)).
func isReference(text string) bool { return text != "" && reference.FindString(text) == text }

// hide gives a secret into the broker's keeping and returns the reference that
// stands for it. A secret that is a reference already stays as it is. One that
// the broker keeps from before is referred to by the name it has there, so that a
// manifest of an unchanged cluster is the same text again
// (reference/on-demand-broker.md §1.6).
func (c *cluster) hide(name, secret string) string {
	if secret == "" || isReference(secret) {
		return secret
	}
	for _, kept := range slices.Sorted(maps.Keys(c.kept)) {
		if strings.HasSuffix(kept, "/"+name+"))") && c.kept[kept] == secret {
			return kept
		}
	}
	c.secrets[name] = secret
	return ref(serviceadapter.ODBSecretPrefix + ":" + name)
}

// hideSecrets takes passwords and keys out of a request's spec, which is recorded
// in the manifest, and leaves references behind. That the request holds none of
// its own was checked before.
func (c *cluster) hideSecrets() error {
	if p := c.spec.Proxy; p != nil {
		own := *p
		own.HTTP.Password = pks.Secret(c.hide(secretHTTPProxy, escapePassword(p.HTTP.Password.Reveal())))
		own.HTTPS.Password = pks.Secret(c.hide(secretHTTPSProxy, escapePassword(p.HTTPS.Password.Reveal())))
		c.spec.Proxy = &own
	}
	return c.hideEncryptionKeys()
}

// checkFiles looks for references in the files of a Kubernetes profile once YAML
// has put its escapes in plain text.
func checkFiles(field string, part customization) error {
	for _, flag := range sortedKeys(part.FileArguments) {
		if content, err := structure(part.FileArguments[flag]); err == nil {
			if err := refuseReferences(field+": "+flag, content); err != nil {
				return err
			}
		}
	}
	return nil
}

// hideEncryptionKeys does the same for the keys in a Kubernetes profile's
// encryption-provider-config.
func (c *cluster) hideEncryptionKeys() error {
	p := c.spec.KubernetesProfile
	if p == nil || len(p.Parameters) == 0 {
		return nil
	}
	field, profile, err := decodeKubernetesProfile(p)
	if err != nil {
		return err
	}
	for _, part := range slices.Concat(profile.Customizations, profile.Experimental) {
		if err := checkFiles(field, part); err != nil {
			return err
		}
		content, ok := part.FileArguments[flagEncryption]
		if !ok {
			continue
		}
		config, err := structure(content)
		if err != nil {
			return refuse("%s: file argument %q is not a YAML object.", field, flagEncryption).WithRemedy("Give the file's content: %s.", err.Error())
		}
		c.hideKeys(config)
		text, err := yaml.Marshal(config)
		if err != nil {
			return fmt.Errorf("write the encryption configuration: %w", err)
		}
		part.FileArguments[flagEncryption] = string(text)
	}
	raw, err := json.Marshal(profile)
	if err != nil {
		return fmt.Errorf("write the Kubernetes profile: %w", err)
	}
	c.spec.KubernetesProfile = &pks.Profile{Name: p.Name, Parameters: raw}
	return nil
}

// hideKeys replaces every member "secret" below v. Keys are named by what they
// are, so that a new key has a new name wherever it stands in the list.
func (c *cluster) hideKeys(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sortedKeys(v) {
			if secret, ok := v[name].(string); ok && name == "secret" {
				v[name] = c.hide("encryption_key_"+fingerprint(secret), secret)
				continue
			}
			c.hideKeys(v[name])
		}
	case []any:
		for _, element := range v {
			c.hideKeys(element)
		}
	}
}

// fingerprint is short, and tells nothing about a random key.
func fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:6])
}
