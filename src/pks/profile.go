package pks

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// ProfileKind is what a profile is about.
type ProfileKind string

const (
	NetworkProfiles    ProfileKind = "network"
	ComputeProfiles    ProfileKind = "compute"
	KubernetesProfiles ProfileKind = "kubernetes"
)

// ProfileKinds are all there are, in the order in which documents name them.
func ProfileKinds() []ProfileKind {
	return []ProfileKind{NetworkProfiles, ComputeProfiles, KubernetesProfiles}
}

// Noun is what people call a profile of the kind.
func (k ProfileKind) Noun() string {
	if k == KubernetesProfiles {
		return "Kubernetes profile"
	}
	return string(k) + " profile"
}

// Member is the name of a cluster's member that holds a profile's name.
func (k ProfileKind) Member() string { return string(k) + "_profile_name" }

// NamedProfile is a profile that clusters can be given by its name. It never
// changes: who wants another makes one of another name
// (reference/pks-product.md §7, §9).
type NamedProfile struct {
	ID          string // UUID
	Kind        ProfileKind
	Name        string // unique among the profiles of its kind
	Description string
	Owner       Principal
	Parameters  json.RawMessage // an object that ValidateProfile has accepted
	CreatedAt   time.Time
}

// Copy is what a cluster's spec keeps of the profile.
func (p NamedProfile) Copy() *Profile {
	return (&Profile{Name: p.Name, Parameters: p.Parameters}).clone()
}

const (
	maxProfileName        = 200  // characters, reference/pks-api.md §10
	maxProfileDescription = 4000 // characters
)

// ValidateProfileName refuses a name that no path and no table could show.
func ValidateProfileName(name string) error {
	const remedy = "Use 1 to 200 visible characters, such as small-nodes."
	n := utf8.RuneCountInString(name)
	switch {
	case name == "":
		return Failf(CodeInvalidRequest, "name is missing.").WithRemedy(remedy)
	case n > maxProfileName:
		return Failf(CodeInvalidRequest, "name has %d characters; at most %d are allowed.", n, maxProfileName).WithRemedy(remedy)
	case name == "." || name == "..", !printableText(name), unicode.IsSpace(rune(name[0])), unicode.IsSpace(rune(name[len(name)-1])):
		return Failf(CodeInvalidRequest, "name %q cannot be the name of a profile.", Shorten(name)).WithRemedy(remedy)
	}
	return checkWords("name", name)
}

func printableText(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(text)
}

// ValidateProfile holds all of a profile against the rules of its kind. The error
// names the first member at fault by its path in the request
// (reference/pks-product.md §7–§9).
func ValidateProfile(p NamedProfile) error {
	if err := ValidateProfileName(p.Name); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(p.Description); n > maxProfileDescription {
		return Failf(CodeInvalidRequest, "description has %d characters; at most %d are allowed.", n, maxProfileDescription)
	}
	if err := checkWords("description", p.Description); err != nil {
		return err
	}
	switch p.Kind {
	case NetworkProfiles:
		return validateNetworkProfile(p.Parameters)
	case ComputeProfiles:
		return validateComputeProfile(p.Parameters)
	case KubernetesProfiles:
		return validateKubernetesProfile(p.Parameters)
	default:
		return fmt.Errorf("validate profile %s: there is no kind %q", p.Name, p.Kind)
	}
}

// ProfileOf is the spec's copy of a profile of the kind; nil for none.
func (s ClusterSpec) ProfileOf(kind ProfileKind) *Profile {
	switch kind {
	case NetworkProfiles:
		return s.NetworkProfile
	case ComputeProfiles:
		return s.ComputeProfile
	case KubernetesProfiles:
		return s.KubernetesProfile
	default:
		return nil
	}
}

// ProfileName is the name of the spec's profile of the kind; empty for none.
func (s ClusterSpec) ProfileName(kind ProfileKind) string {
	if p := s.ProfileOf(kind); p != nil {
		return p.Name
	}
	return ""
}

// readDocument reads parameters that were validated, or none, into a T.
func readDocument[T any](p *Profile) (T, error) {
	var document T
	if p == nil || len(p.Parameters) == 0 {
		return document, nil
	}
	if err := json.Unmarshal(p.Parameters, &document); err != nil {
		return document, fmt.Errorf("read profile %s: %w", p.Name, err)
	}
	return document, nil
}
