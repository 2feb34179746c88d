package pks

import (
	"fmt"
	"reflect"
)

// CertificateAuthorities says which generation of a cluster's own certificate
// authorities its certificates come from. Every rotation makes a new one.
type CertificateAuthorities struct {
	// Generation counts from 0, the authorities that were made with the cluster.
	Generation int `json:"generation,omitempty"`
	// Phase is how far the change from the generation before has come; empty: done.
	Phase RotationPhase `json:"phase,omitempty"`
}

// RotationPhase is one deploy of a rotation. Machines are changed one by one, so
// that for a while they hold certificates of both generations: everything must
// trust the new authorities before the first certificate comes from them, and the
// old ones until the last does no more (reference/cluster-manifest.md §7).
type RotationPhase string

const (
	// RotationIntroduced: both generations are trusted, certificates are old.
	RotationIntroduced RotationPhase = "introduced"
	// RotationSwitched: both generations are trusted, certificates are new.
	RotationSwitched RotationPhase = "switched"
)

// RotationSteps is how many deploys a rotation takes.
const RotationSteps = 3

// Rotate begins a rotation; one that has begun is gone on with.
func (a CertificateAuthorities) Rotate() CertificateAuthorities {
	if a.Phase != "" {
		return a
	}
	return CertificateAuthorities{Generation: a.Generation + 1, Phase: RotationIntroduced}
}

// Next is the state that the next deploy of a rotation leads to; false after the
// last.
func (a CertificateAuthorities) Next() (CertificateAuthorities, bool) {
	switch a.Phase {
	case RotationIntroduced:
		return CertificateAuthorities{Generation: a.Generation, Phase: RotationSwitched}, true
	case RotationSwitched:
		return CertificateAuthorities{Generation: a.Generation}, true
	default:
		return a, false
	}
}

// Step is the number of the deploy that leads to the state, from 1 to
// RotationSteps.
func (a CertificateAuthorities) Step() int {
	switch a.Phase {
	case RotationIntroduced:
		return 1
	case RotationSwitched:
		return 2
	default:
		return RotationSteps
	}
}

// Rotates tells whether the operation is there to rotate certificates: it changes
// their authorities, or goes on with a rotation and changes nothing else.
func (o Operation) Rotates() bool {
	if o.Action != ActionUpdate || o.Previous == nil {
		return false
	}
	return o.Spec.Certificates != o.Previous.Certificates ||
		o.Spec.Certificates.Phase != "" && reflect.DeepEqual(o.Spec, *o.Previous)
}

const rotationNoun = "certificate rotation"

// Accepted, Running, Completed, Cancelled and Failed describe the operation for
// last_action_description (reference/pks-api.md §5.8); cause says why.
func (o Operation) Accepted() string {
	if o.Rotates() {
		return "Rotating certificates"
	}
	return o.Action.Accepted()
}

func (o Operation) Running() string {
	if o.Rotates() {
		return fmt.Sprintf("Instance %s in progress (step %d of %d)", rotationNoun, o.Spec.Certificates.Step(), RotationSteps)
	}
	return o.Action.Running()
}

func (o Operation) Completed() string {
	if o.Rotates() {
		return "Instance " + rotationNoun + " completed"
	}
	return o.Action.Completed()
}

func (o Operation) Cancelled(landed Landing) string {
	if o.Rotates() {
		return "Instance " + rotationNoun + " cancelled: " + landed.Remedy()
	}
	return o.Action.Cancelled(landed)
}

func (o Operation) Failed(cause string) string {
	if o.Rotates() {
		return "Instance " + rotationNoun + " failed: " + cause
	}
	return o.Action.Failed(cause)
}
