package adapter

import (
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// A rotation gives the cluster new authorities under new names, and lets the
// Director sign its certificates anew, in three deploys: everything trusts both
// generations, certificates change over, the old generation goes
// (reference/cluster-manifest.md §7). Names of certificates stay as they are.

// generationName is what an authority of a generation is called.
func generationName(base string, generation int) string {
	if generation == 0 {
		return base
	}
	return base + "_" + strconv.Itoa(generation)
}

// isGeneration tells whether the name is that of an authority of some generation.
func isGeneration(base, name string) bool {
	number, numbered := strings.CutPrefix(name, base+"_")
	n, err := strconv.Atoi(number)
	return name == base || numbered && err == nil && n > 0
}

func isAuthority(name string) bool { return isGeneration(caKubo, name) || isGeneration(caEtcd, name) }

// authority is the name of the one that signs.
func (c *cluster) authority(base string) string {
	state := c.spec.Certificates
	if state.Phase == pks.RotationIntroduced {
		return generationName(base, state.Generation-1)
	}
	return generationName(base, state.Generation)
}

// generations are the names of all that are trusted, the oldest first.
func (c *cluster) generations(base string) []string {
	state := c.spec.Certificates
	if state.Phase == "" {
		return []string{generationName(base, state.Generation)}
	}
	return []string{generationName(base, state.Generation-1), generationName(base, state.Generation)}
}

// trusted is what to trust certificates of an authority by: settled, unless a
// rotation is under way.
func (c *cluster) trusted(base, settled string) string {
	if c.spec.Certificates.Phase == "" {
		return settled
	}
	var all strings.Builder
	for _, name := range c.generations(base) {
		all.WriteString(ref(name + ".certificate"))
	}
	return all.String()
}

// masterUnit makes the Director sign the API server's certificate anew where its
// authority is not the cluster's, and so is not rotated.
func (c *cluster) masterUnit() string {
	if c.signsMaster() || c.authority(caKubo) == caKubo {
		return ""
	}
	return "rotation " + strings.TrimPrefix(c.authority(caKubo), caKubo+"_")
}

// checkRotation: a step that is left out would leave machines with certificates
// that others do not trust.
func (c *cluster) checkRotation() error {
	was, is := c.previous.record.Spec.Certificates, c.spec.Certificates
	next, _ := was.Next()
	if is == was || is == was.Rotate() || is == next {
		return nil
	}
	return refuse("request_parameters.certificates: the authorities cannot go from generation %d%s to %d%s in one deploy.",
		was.Generation, inPhase(was), is.Generation, inPhase(is)).WithRemedy("Rotate one generation at a time, with all its steps.")
}

func inPhase(state pks.CertificateAuthorities) string {
	if state.Phase == "" {
		return ""
	}
	return " (" + string(state.Phase) + ")"
}
