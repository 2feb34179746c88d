package adapter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"

	"github.com/pks-community/pks-release/src/pks"
)

// recordKey is the key below "features" that holds the record. The Director
// reads the features it knows and leaves others alone, and the broker's manifest
// type keeps them, so the record comes back with every previous manifest and a
// change of it touches no machine. Upgrades and the check for pending changes
// call without the request's parameters (reference/on-demand-broker.md §1.6,
// §3.3); what the cluster was asked to be is then read from here.
const recordKey = "pks_cluster"

// recordFormat is raised when a reader of the older form would go wrong.
const recordFormat = 1

// record is what a manifest tells of the request and plan it was made from,
// beyond what its other parts tell.
type record struct {
	Format int `json:"format"`
	// Spec is the request without the worker count, which stands at the instance
	// group: so a resize changes that number and nothing else. Passwords are
	// references.
	Spec pks.ClusterSpec
	// What cannot change during a cluster's life.
	CNI           string `json:"cni"`
	PodCIDR       string `json:"pod_cidr"`
	ServiceCIDR   string `json:"service_cidr"`
	CloudProvider string `json:"cloud_provider"`
	// Tags are the names of those that come from plan and request; others are an
	// operator's own and are kept.
	Tags []string `json:"tags,omitempty"`
	// TokenLifetime is how long handed-out tokens last; empty: until withdrawn.
	TokenLifetime string `json:"token_lifetime,omitempty"`
}

// features puts the record beside those of the Director.
func (c *cluster) features() (bosh.BoshFeatures, error) {
	spec, err := specText(c.spec)
	if err != nil {
		return bosh.BoshFeatures{}, err
	}
	r := map[string]any{
		"format":         recordFormat,
		"spec":           spec,
		"cni":            c.network.cni,
		"pod_cidr":       c.network.pods.String(),
		"service_cidr":   c.network.services.String(),
		"cloud_provider": c.plan.IaaS.kind(),
	}
	if tags := c.tags(); len(tags) > 0 {
		r["tags"] = slices.Sorted(maps.Keys(tags))
	}
	if c.plan.Binding.TokenLifetime != "" {
		r["token_lifetime"] = c.plan.Binding.TokenLifetime
	}
	return bosh.BoshFeatures{
		UseDNSAddresses: bosh.BoolPointer(true),
		ExtraFeatures:   map[string]any{recordKey: r},
	}, nil
}

// specText is the spec as indented JSON: exact for any text and number, and with
// one line per member, so that a difference of two manifests can be read.
func specText(spec pks.ClusterSpec) (string, error) {
	raw, err := marshal(spec)
	if err != nil {
		return "", err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return "", fmt.Errorf("record the cluster's spec: %w", err)
	}
	delete(members, workerCountMember)
	raw, err = marshal(members)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, raw, "", "  "); err != nil {
		return "", fmt.Errorf("record the cluster's spec: %w", err)
	}
	return doubleParentheses.ReplaceAllStringFunc(text.String(), func(found string) string {
		if found == "((" {
			return `(\u0028`
		}
		return found
	}), nil
}

// doubleParentheses are references to secrets, which stay, and others: two texts
// one behind the other may begin and end what BOSH would take for a variable.
var doubleParentheses = regexp.MustCompile(`\(\([-\w/.:]+\)\)|\(\(`)

const workerCountMember = "kubernetes_worker_instances"

func marshal(v any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("record the cluster's spec: %w", err)
	}
	return bytes.TrimSpace(buffer.Bytes()), nil
}

// readRecord finds the record of a manifest. A manifest without one was not made
// by this adapter.
func readRecord(m bosh.BoshManifest) (record, error) {
	raw, ok := m.Features.ExtraFeatures[recordKey]
	if !ok {
		return record{}, refuse("previous_manifest has no features.%s: it was not made by this service adapter.", recordKey).
			WithRemedy("Restore the manifest from 'bosh manifest' of a deployment that the broker made.")
	}
	r := record{
		CNI:           textAt(raw, "cni"),
		PodCIDR:       textAt(raw, "pod_cidr"),
		ServiceCIDR:   textAt(raw, "service_cidr"),
		CloudProvider: textAt(raw, "cloud_provider"),
		TokenLifetime: textAt(raw, "token_lifetime"),
	}
	if tags, ok := at(raw, "tags").([]any); ok {
		for _, tag := range tags {
			r.Tags = append(r.Tags, fmt.Sprint(tag))
		}
	}
	if format, ok := at(raw, "format").(int); ok {
		r.Format = format
	}
	switch {
	case r.Format < 1:
		return record{}, refuse("previous_manifest: features.%s.format is missing.", recordKey).WithRemedy("Restore the manifest as the broker made it.")
	case r.Format > recordFormat:
		return record{}, refuse("previous_manifest was made by a newer version (format %d, this version reads up to %d).", r.Format, recordFormat).
			WithRemedy("Install the newer version of the product again; going back is not supported.")
	}
	if err := json.NewDecoder(strings.NewReader(textAt(raw, "spec"))).Decode(&r.Spec); err != nil {
		return record{}, refuse("previous_manifest: features.%s.spec is not the JSON that was recorded.", recordKey).
			WithRemedy("Restore the manifest as the broker made it.").WithCause(err)
	}
	for _, g := range m.InstanceGroups {
		if g.Name == workerGroup {
			r.Spec.WorkerInstances = g.Instances
		}
	}
	return r, nil
}

// at reads a member of a YAML mapping, whichever way the decoder keyed it.
func at(mapping any, key string) any {
	switch m := mapping.(type) {
	case map[any]any:
		return m[key]
	case map[string]any:
		return m[key]
	default:
		return nil
	}
}

func textAt(mapping any, key string) string {
	text, _ := at(mapping, key).(string)
	return text
}
