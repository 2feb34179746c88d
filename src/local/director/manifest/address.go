package manifest

import (
	"slices"

	"github.com/pks-community/pks-release/src/local/director/fault"
)

// CustomProvider is a link that a job offers because the manifest says so, not its release.
type CustomProvider struct {
	Name, Type string
	// Properties are the dotted paths that it shares.
	Properties []string
}

// customProvider is the code of complaints about a custom provider's name or type.
const customProvider = 80013

func readCustomProviders(m *Map, job string) ([]CustomProvider, error) {
	entries, err := objects(m, "custom_provider_definitions")
	if err != nil {
		return nil, err
	}
	var providers []CustomProvider
	for _, entry := range entries {
		var p CustomProvider
		if p.Name, err = text(entry, "name"); err != nil {
			return nil, err
		}
		if p.Type, err = text(entry, "type"); err != nil {
			return nil, err
		}
		if p.Properties, err = texts(entry, "properties"); err != nil {
			return nil, err
		}
		if p.Name == "" || p.Type == "" {
			return nil, fault.New(customProvider, "Name and type of a custom link provider definition of job '%s' must be non-empty strings", job)
		}
		if slices.ContainsFunc(providers, func(other CustomProvider) bool { return other.Name == p.Name }) {
			return nil, fault.New(customProvider, "Custom provider '%s' in job '%s' is defined multiple times in manifest.", p.Name, job)
		}
		providers = append(providers, p)
	}
	return providers, nil
}

// Address is the link through which a certificate gets the DNS name of a provider: as an alternative
// name, or as its common name if it has none (reference/bosh-release.md §9).
type Address struct {
	Consume
	// Wildcard asks for the names of all instances instead of the group's.
	Wildcard bool
}

// The links that a variable of type certificate may consume.
const (
	AlternativeName = "alternative_name"
	CommonName      = "common_name"
)

const variableConsumes = 570001

func readAddresses(entry *Map, v Variable) (map[string]Address, error) {
	m, err := object(entry, "consumes")
	if err != nil || m == nil {
		return nil, err
	}
	if v.Type != "certificate" {
		return nil, fault.New(variableConsumes, "Variable '%s' can not define 'consumes' key for type '%s'", v.Name, v.Type)
	}
	addresses := map[string]Address{}
	for _, name := range m.Keys {
		if name != AlternativeName && name != CommonName {
			return nil, fault.New(variableConsumes, "Consumer name '%s' is not a valid consumer for variable '%s'. Acceptable consumer types are: %s, %s",
				name, v.Name, AlternativeName, CommonName)
		}
		var a Address
		if a.Consume, err = readConsume(m, name); err != nil {
			return nil, err
		}
		if link, _ := m.Get(name).(*Map); link != nil {
			properties, err := object(link, "properties")
			if err != nil {
				return nil, err
			}
			if properties != nil {
				if a.Wildcard, err = flag(properties, "wildcard", false); err != nil {
					return nil, err
				}
			}
		}
		addresses[name] = a
	}
	return addresses, nil
}
