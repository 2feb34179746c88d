package pks

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

const encryptionFlag = "encryption-provider-config"

// checkFiles looks into the files: a kube-apiserver that cannot read one does not
// start, and a cluster's only copy of a key must be one.
func (c componentArguments) checkFiles(at string) error {
	for _, name := range slices.Sorted(maps.Keys(c.FileArguments)) {
		path, content := at+".file-arguments."+Shorten(name), c.FileArguments[name]
		fault := ""
		switch {
		case c.Component != apiServer:
			fault = "cannot be given"
		case name == encryptionFlag:
			_, fault = encryptionKeys(content)
		case name == "audit-policy-file":
			fault = notAnAuditPolicy(content)
		case name == "oidc-ca-file":
			fault = notACertificate(content)
		default:
			fault = "cannot be given"
		}
		if fault != "" {
			return Failf(CodeInvalidRequest, "%s %s.", path, fault).
				WithRemedy("The file arguments are kube-apiserver's encryption-provider-config, audit-policy-file and oidc-ca-file, each with the file's content.")
		}
	}
	return nil
}

func notACertificate(content string) string {
	if block, _ := pem.Decode([]byte(content)); block == nil {
		return "holds no PEM certificate"
	}
	if fault := validateCertificates(content); fault != "" {
		return fault
	}
	return ""
}

func notAnAuditPolicy(content string) string {
	var policy struct {
		Kind  string           `yaml:"kind"`
		Rules []map[string]any `yaml:"rules"`
	}
	if err := yaml.Unmarshal([]byte(content), &policy); err != nil {
		return "is not a YAML object"
	}
	if policy.Kind != "Policy" || len(policy.Rules) == 0 {
		return "is not an audit policy: it needs kind: Policy and rules"
	}
	return ""
}

// encryptionConfig is Kubernetes' EncryptionConfiguration, as far as it can be
// used here: a key management service would need a socket on the masters.
type encryptionConfig struct {
	Kind      string `yaml:"kind"`
	Resources []struct {
		Resources []string                   `yaml:"resources"`
		Providers []map[string]encryptedWith `yaml:"providers"`
	} `yaml:"resources"`
}

type encryptedWith struct {
	Keys []struct {
		Name   string `yaml:"name"`
		Secret string `yaml:"secret"`
	} `yaml:"keys"`
}

// encryption is what a configuration reads and writes with.
type encryption struct {
	known   []Secret // all keys
	writing []Secret // of each resource, the key that is written with
}

// encryptionKeys reads a configuration, or says what is wrong with it. What it
// says holds no key.
func encryptionKeys(content string) (encryption, string) {
	var config encryptionConfig
	if err := yaml.Unmarshal([]byte(content), &config); err != nil {
		return encryption{}, "is not an EncryptionConfiguration in YAML"
	}
	if config.Kind != "EncryptionConfiguration" && config.Kind != "EncryptionConfig" || len(config.Resources) == 0 {
		return encryption{}, "is not an EncryptionConfiguration: it needs kind: EncryptionConfiguration and resources"
	}
	var found encryption
	for i, r := range config.Resources {
		if len(r.Resources) == 0 || len(r.Providers) == 0 {
			return encryption{}, fmt.Sprintf("has resources[%d] without resources or providers", i)
		}
		for j, provider := range r.Providers {
			if len(provider) != 1 {
				return encryption{}, fmt.Sprintf("has resources[%d].providers[%d], which must name one provider", i, j)
			}
			for kind, with := range provider {
				keys, fault := providerKeys(kind, with)
				if fault != "" {
					return encryption{}, fmt.Sprintf("has resources[%d].providers[%d], which %s", i, j, fault)
				}
				found.known = append(found.known, keys...)
				if j == 0 && len(keys) > 0 {
					found.writing = append(found.writing, keys[0])
				}
			}
		}
	}
	return found, ""
}

func providerKeys(kind string, with encryptedWith) ([]Secret, string) {
	sizes := map[string][]int{"aescbc": {16, 24, 32}, "aesgcm": {16, 24, 32}, "secretbox": {32}}[kind]
	switch {
	case kind == "identity":
		return nil, ""
	case sizes == nil:
		return nil, fmt.Sprintf("is %q; it can be aescbc, aesgcm, secretbox or identity", Shorten(kind))
	case len(with.Keys) == 0:
		return nil, "has no keys"
	}
	var keys []Secret
	for _, key := range with.Keys {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key.Secret))
		if key.Name == "" || err != nil || !slices.Contains(sizes, len(secret)) {
			return nil, "has a key without a name, or whose secret is not base64 of the right length"
		}
		keys = append(keys, Secret(secret))
	}
	return keys, ""
}

// CheckKubernetesProfileChange refuses a profile without which the API server
// could not read what it has stored: the keys of the present one must still be
// there (reference/pks-product.md §9).
func CheckKubernetesProfileChange(present *Profile, next Profile) error {
	was, encrypted, err := encryptionOf(present)
	if err != nil || !encrypted {
		return err
	}
	will, still, err := encryptionOf(&next)
	if err != nil {
		return err
	}
	if !still {
		return Failf(CodeInvalidRequest, "kubernetes_profile_name: the cluster's secrets are encrypted, but the profile %s has no encryption-provider-config.", Shorten(next.Name)).
			WithRemedy("Choose a profile that still holds the keys.")
	}
	for _, key := range was.writing {
		if !slices.ContainsFunc(will.known, key.Equal) {
			return Failf(CodeInvalidRequest, "kubernetes_profile_name: the profile %s lacks the key with which the cluster's secrets are encrypted now.", Shorten(next.Name)).
				WithRemedy("Keep it as a further key until all secrets were written again.")
		}
	}
	return nil
}

// encryptionOf is what the profile's kube-apiserver is to encrypt with. Where both
// lists have the file, customizations have the word.
func encryptionOf(p *Profile) (found encryption, encrypted bool, err error) {
	document, err := readDocument[kubernetesDocument](p)
	if err != nil {
		return encryption{}, false, err
	}
	for _, part := range slices.Concat(document.Experimental, document.Customizations) {
		content, ok := part.FileArguments[encryptionFlag]
		if !ok {
			continue
		}
		encrypted = true
		found, _ = encryptionKeys(content) // checked when the profile was made
	}
	return found, encrypted, nil
}
