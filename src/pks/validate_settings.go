package pks

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxTagText      = 80      // characters, reference/pks-cli.md §13
	maxRegistry     = 4 << 10 // bytes
	maxDrainTimeout = 1440
	maxDrainGrace   = 86400
)

var (
	vsphereKeyForm = regexp.MustCompile(`^[a-zA-Z0-9]+$`)
	// registryForm is a host, a wildcard host or an address, with a port if need be.
	registryForm = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([-.]?[A-Za-z0-9_])*(:[0-9]{1,5})?$`)
)

// ValidateTags refuses what an IaaS or BOSH would refuse or silently change.
// field is the member's path in the request.
func ValidateTags(field string, tags []Tag) error {
	// BOSH puts these on every VM itself and overrides any other value.
	reserved := []string{"created_at", "deployment", "director", "id", "index", "instance_group", "job", "name"}
	seen := make(map[string]bool, len(tags))
	for i, tag := range tags {
		switch {
		case tag.Name == "":
			return Failf(CodeInvalidRequest, "%s[%d].name is missing.", field, i)
		case seen[tag.Name]:
			return Failf(CodeInvalidRequest, "%s has the tag %q twice.", field, tag.Name)
		case slices.Contains(reserved, tag.Name):
			return Failf(CodeInvalidRequest, "%s has the tag %q, which BOSH sets itself.", field, tag.Name).
				WithRemedy("Choose a tag name other than %s.", strings.Join(reserved, ", "))
		}
		seen[tag.Name] = true
		for _, member := range []struct{ name, text string }{{"name", tag.Name}, {"value", tag.Value}, {"category", tag.Category}} {
			if err := validateTagText(fmt.Sprintf("%s[%d].%s", field, i, member.name), member.text); err != nil {
				return err
			}
		}
	}
	return nil
}

func validateTagText(field, text string) error {
	if n := utf8.RuneCountInString(text); n > maxTagText {
		return Failf(CodeInvalidRequest, "%s has %d characters; at most %d are allowed.", field, n, maxTagText)
	}
	if strings.ContainsAny(text, `":,`) || strings.ContainsFunc(text, unicode.IsControl) {
		return Failf(CodeInvalidRequest, "%s is %q; double quotes, colons, commas and control characters are not allowed.", field, text)
	}
	return nil
}

// ValidateRegistryCAs refuses a CA that no node could load, before a deploy
// finds out.
func ValidateRegistryCAs(field string, cas []RegistryCA) error {
	for i, ca := range cas {
		if !registryForm.MatchString(ca.DomainName) {
			return Failf(CodeInvalidRequest, "%s[%d].domain_name %q is not a registry's host name.", field, i, ca.DomainName).
				WithRemedy("Give a host such as registry.example.com or *.example.com, with :PORT if it is not 443.")
		}
		if err := validateCertificates(ca.CACert); err != "" {
			return Failf(CodeInvalidRequest, "%s[%d].ca_cert %s.", field, i, err).
				WithRemedy("Give one or more PEM certificates, with line ends as \\n.")
		}
	}
	return nil
}

// validateCertificates says what is wrong with a bundle of PEM certificates;
// empty for nothing.
func validateCertificates(bundle string) string {
	rest := []byte(strings.TrimSpace(bundle))
	if len(rest) == 0 {
		return "is missing"
	}
	for len(rest) > 0 {
		block, after := pem.Decode(rest)
		if block == nil {
			return "is not in PEM form"
		}
		if block.Type != "CERTIFICATE" {
			return "holds a " + block.Type + ", not only certificates"
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "holds a certificate that cannot be read"
		}
		rest = []byte(strings.TrimSpace(string(after)))
	}
	return ""
}

// ValidateInsecureRegistries refuses entries that would break a node's
// configuration file. An entry is a registry or a comma-joined list of URLs
// (reference/pks-api.md §5.2).
func ValidateInsecureRegistries(field string, registries []string) error {
	for i, entry := range registries {
		if entry == "" {
			return Failf(CodeInvalidRequest, "%s[%d] is empty.", field, i)
		}
		if n := len(entry); n > maxRegistry {
			return Failf(CodeInvalidRequest, "%s[%d] has %d bytes; at most %d are allowed.", field, i, n, maxRegistry)
		}
		if strings.ContainsFunc(entry, func(r rune) bool {
			return unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune(`"'\;`, r)
		}) {
			return Failf(CodeInvalidRequest, "%s[%d] %q has characters that a registry's address cannot have.", field, i, entry)
		}
	}
	return nil
}

// ValidateUnsetHTTPProxy refuses jobs that have no proxy to unset.
func ValidateUnsetHTTPProxy(field string, jobs []string) error {
	for i, job := range jobs {
		if job != "runtime" && job != "kube-apiserver" {
			return Failf(CodeInvalidRequest, "%s[%d] is %q; it can be runtime or kube-apiserver.", field, i, job)
		}
	}
	return nil
}

// ValidateVSphereKey refuses what is not a key of the vSphere cloud provider's
// configuration. Empty takes the key away.
func ValidateVSphereKey(field, key string) error {
	if key != "" && !vsphereKeyForm.MatchString(key) {
		return Failf(CodeInvalidRequest, "%s %q may hold letters and digits only.", field, key)
	}
	return nil
}

// With returns the settings with those of change in place of its own, member by
// member.
func (d DrainSettings) With(change DrainSettings) DrainSettings {
	merged := d.clone()
	change = change.clone()
	override(&merged.TimeoutMinutes, change.TimeoutMinutes)
	override(&merged.GracePeriodSeconds, change.GracePeriodSeconds)
	override(&merged.Force, change.Force)
	override(&merged.IgnoreDaemonSets, change.IgnoreDaemonSets)
	override(&merged.DeleteLocalData, change.DeleteLocalData)
	override(&merged.ForceNode, change.ForceNode)
	return merged
}

func override[T any](value **T, change *T) {
	if change != nil {
		*value = change
	}
}

// Validate holds the settings against the ranges of reference/pks-product.md
// §6.2.
func (d DrainSettings) Validate() error {
	if n := d.TimeoutMinutes; n != nil && (*n < 0 || *n > maxDrainTimeout) {
		return Failf(CodeInvalidRequest, "kubelet_drain_timeout is %d; it must be from 0 to %d minutes.", *n, maxDrainTimeout)
	}
	if n := d.GracePeriodSeconds; n != nil && (*n < -1 || *n > maxDrainGrace) {
		return Failf(CodeInvalidRequest, "kubelet_drain_grace_period is %d; it must be from -1 to %d seconds.", *n, maxDrainGrace)
	}
	return nil
}
