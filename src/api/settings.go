package api

import (
	"slices"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/pks"
)

// settings are the members that create (inside parameters) and update (flat)
// share. Nil members were not named.
type settings struct {
	at *jsonbody.Object // for paths in errors

	tags           []pks.Tag
	registryCAs    []pks.RegistryCA
	registries     []string
	unsetHTTPProxy []string
	vsphereKey     *string
}

func readSettings(from *jsonbody.Object) settings {
	s := settings{at: from, registries: from.Texts("insecure_registries")}
	if objects := from.Objects("cluster_tags"); objects != nil {
		s.tags = []pks.Tag{}
		for _, o := range objects {
			s.tags = append(s.tags, pks.Tag{
				Name:     valueOr(o.Text("name"), ""),
				Value:    valueOr(o.Text("value"), ""),
				Category: valueOr(o.Text("category"), ""),
			})
		}
	}
	for _, o := range from.Objects("custom_ca_certs") {
		s.registryCAs = append(s.registryCAs, pks.RegistryCA{
			DomainName: valueOr(o.Text("domain_name"), ""),
			CACert:     valueOr(o.Text("ca_cert"), ""),
		})
	}
	if o := from.Object("k8s_customization_parameters"); o != nil {
		if registries := o.Texts("insecure_registries"); registries != nil {
			s.registries = registries
		}
		s.unsetHTTPProxy = o.Texts("unset_http_proxy")
		s.vsphereKey = o.Text("vsphere_cloud_provider_config_key")
	}
	return s
}

func (s settings) empty() bool {
	return s.tags == nil && s.registryCAs == nil && s.registries == nil && s.unsetHTTPProxy == nil && s.vsphereKey == nil
}

// applyTo puts the settings into the spec. Tags, registries and proxy exceptions
// replace what was there; CAs are added, or replace the CA of the same registry
// (reference/pks-api.md §5.2).
func (s settings) applyTo(spec pks.ClusterSpec) (pks.ClusterSpec, error) {
	if s.tags != nil {
		if err := pks.ValidateTags(s.at.Path("cluster_tags"), s.tags); err != nil {
			return pks.ClusterSpec{}, err
		}
		spec.Tags = emptyAsNil(s.tags)
	}
	if s.registryCAs != nil {
		if err := pks.ValidateRegistryCAs(s.at.Path("custom_ca_certs"), s.registryCAs); err != nil {
			return pks.ClusterSpec{}, err
		}
		spec.CustomCACerts = mergeRegistryCAs(spec.CustomCACerts, s.registryCAs)
	}
	if s.registries != nil {
		if err := pks.ValidateInsecureRegistries(s.at.Path("insecure_registries"), s.registries); err != nil {
			return pks.ClusterSpec{}, err
		}
		spec.InsecureRegistries = emptyAsNil(s.registries)
	}
	if s.unsetHTTPProxy != nil {
		if err := pks.ValidateUnsetHTTPProxy(s.at.Path("k8s_customization_parameters.unset_http_proxy"), s.unsetHTTPProxy); err != nil {
			return pks.ClusterSpec{}, err
		}
		spec.UnsetHTTPProxy = emptyAsNil(s.unsetHTTPProxy)
	}
	if s.vsphereKey != nil {
		if err := pks.ValidateVSphereKey(s.at.Path("k8s_customization_parameters.vsphere_cloud_provider_config_key"), *s.vsphereKey); err != nil {
			return pks.ClusterSpec{}, err
		}
		spec.VSphereCloudProviderConfigKey = *s.vsphereKey
	}
	return spec, nil
}

func mergeRegistryCAs(present, given []pks.RegistryCA) []pks.RegistryCA {
	merged := slices.Clone(present)
	for _, ca := range given {
		at := slices.IndexFunc(merged, func(known pks.RegistryCA) bool { return known.DomainName == ca.DomainName })
		if at < 0 {
			merged = append(merged, ca)
		} else {
			merged[at] = ca
		}
	}
	return merged
}

// emptyAsNil makes "none" one value, so that specs compare.
func emptyAsNil[T any](values []T) []T {
	if len(values) == 0 {
		return nil
	}
	return slices.Clone(values)
}
