package adapter

import (
	"maps"
	"slices"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// Generate makes the BOSH manifest of the cluster that in.RequestParams asks for,
// with the secrets and the BOSH configuration that go with it. Without request
// parameters the cluster stays what in.PreviousManifest says it was asked to be.
//
// Errors that the asker can mend are *pks.Failure with code
// pks.CodeInvalidRequest; their Message names the field and the remedy.
func Generate(in serviceadapter.GenerateManifestParams) (serviceadapter.GenerateManifestOutput, error) {
	var none serviceadapter.GenerateManifestOutput
	c, err := newCluster(in)
	if err != nil {
		return none, err
	}
	manifest, err := c.manifest()
	if err != nil {
		return none, err
	}
	if c.previous != nil {
		c.previous.keepForeign(c, &manifest)
	}
	if err := c.checkErrands(manifest); err != nil {
		return none, err
	}
	configs, err := c.configs()
	if err != nil {
		return none, err
	}
	out := serviceadapter.GenerateManifestOutput{Manifest: manifest, Configs: configs}
	if len(c.secrets) > 0 {
		out.ODBManagedSecrets = c.secrets
	}
	return out, nil
}

// manifest is reference/cluster-manifest.md §1. The errand group comes first, as
// upstream has it; a deploy does not start it. Masters come before workers, since
// groups are updated in this order.
func (c *cluster) manifest() (bosh.BoshManifest, error) {
	errand, err := c.applyAddOns()
	if err != nil {
		return bosh.BoshManifest{}, err
	}
	masters, err := c.masters()
	if err != nil {
		return bosh.BoshManifest{}, err
	}
	workers, err := c.workers()
	if err != nil {
		return bosh.BoshManifest{}, err
	}
	addons, err := c.addons()
	if err != nil {
		return bosh.BoshManifest{}, err
	}
	features, err := c.features()
	if err != nil {
		return bosh.BoshManifest{}, err
	}
	return bosh.BoshManifest{
		Name:           c.deployment,
		Features:       features,
		Releases:       c.software.releases(),
		Stemcells:      []bosh.Stemcell{c.software.stemcell},
		Update:         c.update(),
		Addons:         addons,
		InstanceGroups: append([]bosh.InstanceGroup{errand, masters}, workers...),
		Variables:      slices.Concat(c.passwordVariables(), c.certificateVariables()),
		Tags:           c.tags(),
	}, nil
}

// checkErrands refuses a lifecycle errand that the deployment does not have: the
// broker would fail after the machines were made.
func (c *cluster) checkErrands(m bosh.BoshManifest) error {
	there := map[string]bool{}
	for _, g := range m.InstanceGroups {
		there[g.Name] = true
		for _, j := range g.Jobs {
			there[j.Name] = true
		}
	}
	for _, errand := range slices.Concat(c.plan.errands.PostDeploy, c.plan.errands.PreDelete) {
		if !there[errand.Name] {
			return refuse("plan.lifecycle_errands: the deployment has no errand %q.", errand.Name).
				WithRemedy("Errands of every cluster are %s and smoke-tests.", addonsGroup)
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
