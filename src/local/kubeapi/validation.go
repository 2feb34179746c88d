package kubeapi

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/api/validation/path"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Rules for names, in the form that validation.ValidateObjectMeta takes.
func dnsSubdomain(name string, prefix bool) []string {
	return validation.NameIsDNSSubdomain(name, prefix)
}
func dnsLabel(name string, prefix bool) []string { return validation.NameIsDNSLabel(name, prefix) }
func pathSegment(name string, prefix bool) []string {
	return path.ValidatePathSegmentName(name, prefix)
}

const maxSecretSize = 1 << 20 // bytes, of all values

// validate holds o against what a real server demands of its kind. old is nil
// for a new object.
func (k kind) validate(o, old object) field.ErrorList {
	errs := validation.ValidateObjectMetaAccessor(o, k.namespaced, k.validName, field.NewPath("metadata"))
	if old != nil {
		errs = append(errs, validation.ValidateObjectMetaAccessorUpdate(o, old, field.NewPath("metadata"))...)
	}
	switch o := o.(type) {
	case *corev1.Secret:
		was, _ := old.(*corev1.Secret)
		errs = append(errs, validateSecret(o, was)...)
	case *corev1.ConfigMap:
		errs = append(errs, validateConfigMap(o)...)
	case *rbacv1.Role:
		errs = append(errs, validateRules(o.Rules, true)...)
	case *rbacv1.ClusterRole:
		errs = append(errs, validateRules(o.Rules, false)...)
	case *rbacv1.RoleBinding:
		errs = append(errs, validateBinding(o.RoleRef, o.Subjects, []string{"Role", "ClusterRole"})...)
		if was, ok := old.(*rbacv1.RoleBinding); ok && was.RoleRef != o.RoleRef {
			errs = append(errs, field.Invalid(field.NewPath("roleRef"), o.RoleRef, "cannot change roleRef"))
		}
	case *rbacv1.ClusterRoleBinding:
		errs = append(errs, validateBinding(o.RoleRef, o.Subjects, []string{"ClusterRole"})...)
		if was, ok := old.(*rbacv1.ClusterRoleBinding); ok && was.RoleRef != o.RoleRef {
			errs = append(errs, field.Invalid(field.NewPath("roleRef"), o.RoleRef, "cannot change roleRef"))
		}
	}
	return errs
}

func validateSecret(s, old *corev1.Secret) field.ErrorList {
	var errs field.ErrorList
	size := 0
	data := field.NewPath("data")
	for name, value := range s.Data {
		for _, message := range utilvalidation.IsConfigMapKey(name) {
			errs = append(errs, field.Invalid(data.Key(name), name, message))
		}
		size += len(value)
	}
	if size > maxSecretSize {
		errs = append(errs, field.TooLong(data, "", maxSecretSize))
	}
	required := map[corev1.SecretType][]string{
		corev1.SecretTypeTLS:              {corev1.TLSCertKey, corev1.TLSPrivateKeyKey},
		corev1.SecretTypeDockerConfigJson: {corev1.DockerConfigJsonKey},
		corev1.SecretTypeDockercfg:        {corev1.DockerConfigKey},
		corev1.SecretTypeSSHAuth:          {corev1.SSHAuthPrivateKey},
	}
	for _, name := range required[s.Type] {
		if _, ok := s.Data[name]; !ok {
			errs = append(errs, field.Required(data.Key(name), ""))
		}
	}
	if s.Type == corev1.SecretTypeServiceAccountToken && s.Annotations[corev1.ServiceAccountNameKey] == "" {
		errs = append(errs, field.Required(field.NewPath("metadata", "annotations").Key(corev1.ServiceAccountNameKey), ""))
	}
	if old != nil {
		errs = append(errs, validation.ValidateImmutableField(s.Type, old.Type, field.NewPath("type"))...)
	}
	return errs
}

func validateConfigMap(m *corev1.ConfigMap) field.ErrorList {
	var errs field.ErrorList
	size := 0
	for name, value := range m.Data {
		for _, message := range utilvalidation.IsConfigMapKey(name) {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(name), name, message))
		}
		size += len(value)
	}
	for name, value := range m.BinaryData {
		if _, twice := m.Data[name]; twice {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(name), name, "duplicate of key present in binaryData"))
		}
		size += len(value)
	}
	if size > maxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", maxSecretSize))
	}
	return errs
}

func validateRules(rules []rbacv1.PolicyRule, namespaced bool) field.ErrorList {
	var errs field.ErrorList
	for i, rule := range rules {
		at := field.NewPath("rules").Index(i)
		if len(rule.Verbs) == 0 {
			errs = append(errs, field.Required(at.Child("verbs"), "verbs must contain at least one value"))
		}
		if len(rule.NonResourceURLs) > 0 {
			if namespaced {
				errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), rule.NonResourceURLs, "namespaced rules cannot apply to non-resource URLs"))
			}
			if len(rule.APIGroups)+len(rule.Resources)+len(rule.ResourceNames) > 0 {
				errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), rule.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
			}
			continue
		}
		if len(rule.APIGroups) == 0 {
			errs = append(errs, field.Required(at.Child("apiGroups"), "resource rules must supply at least one api group"))
		}
		if len(rule.Resources) == 0 {
			errs = append(errs, field.Required(at.Child("resources"), "resource rules must supply at least one resource"))
		}
	}
	return errs
}

func validateBinding(ref rbacv1.RoleRef, subjects []rbacv1.Subject, refKinds []string) field.ErrorList {
	var errs field.ErrorList
	at := field.NewPath("roleRef")
	if ref.APIGroup != rbacv1.GroupName {
		errs = append(errs, field.NotSupported(at.Child("apiGroup"), ref.APIGroup, []string{rbacv1.GroupName}))
	}
	if !slices.Contains(refKinds, ref.Kind) {
		errs = append(errs, field.NotSupported(at.Child("kind"), ref.Kind, refKinds))
	}
	if ref.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	} else {
		for _, message := range path.ValidatePathSegmentName(ref.Name, false) {
			errs = append(errs, field.Invalid(at.Child("name"), ref.Name, message))
		}
	}
	for i, s := range subjects {
		errs = append(errs, validateSubject(s, field.NewPath("subjects").Index(i))...)
	}
	return errs
}

func validateSubject(s rbacv1.Subject, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	}
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		for _, message := range dnsSubdomain(s.Name, false) {
			if s.Name != "" {
				errs = append(errs, field.Invalid(at.Child("name"), s.Name, message))
			}
		}
		if s.APIGroup != "" {
			errs = append(errs, field.NotSupported(at.Child("apiGroup"), s.APIGroup, []string{""}))
		}
		if s.Namespace == "" {
			errs = append(errs, field.Required(at.Child("namespace"), ""))
		}
	case rbacv1.UserKind, rbacv1.GroupKind:
		if s.APIGroup != rbacv1.GroupName {
			errs = append(errs, field.NotSupported(at.Child("apiGroup"), s.APIGroup, []string{rbacv1.GroupName}))
		}
	default:
		errs = append(errs, field.NotSupported(at.Child("kind"), s.Kind, []string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
	}
	return errs
}

// defaults fills in what a server does before it validates.
func defaults(o object) {
	subjects := func(list []rbacv1.Subject) {
		for i := range list {
			if list[i].APIGroup == "" && list[i].Kind != rbacv1.ServiceAccountKind {
				list[i].APIGroup = rbacv1.GroupName
			}
		}
	}
	switch o := o.(type) {
	case *corev1.Secret:
		if o.Type == "" {
			o.Type = corev1.SecretTypeOpaque
		}
		for name, value := range o.StringData {
			if o.Data == nil {
				o.Data = map[string][]byte{}
			}
			o.Data[name] = []byte(value)
		}
		o.StringData = nil
	case *rbacv1.RoleBinding:
		if o.RoleRef.APIGroup == "" {
			o.RoleRef.APIGroup = rbacv1.GroupName
		}
		subjects(o.Subjects)
	case *rbacv1.ClusterRoleBinding:
		if o.RoleRef.APIGroup == "" {
			o.RoleRef.APIGroup = rbacv1.GroupName
		}
		subjects(o.Subjects)
	}
}

func invalidType(want, got string) error {
	return fmt.Errorf("the kind in the data (%s) does not match the kind of the path (%s)", got, want)
}
