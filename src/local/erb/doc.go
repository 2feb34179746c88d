// Package erb renders the ERB templates of BOSH jobs as a Director does, with the
// Ruby of this computer and its standard library (reference/bosh-release.md §4.3,
// §18.2). What a Director would refuse is refused here too: properties and links
// that the job does not declare are out of the templates' reach.
package erb
