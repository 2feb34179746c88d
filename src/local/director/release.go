package director

import "github.com/pks-community/pks-release/src/local/director/catalog"

// Release is a BOSH release as the Director knows it: no templates and no packages, only what
// planning a deployment needs. Two releases of one name differ by Version.
type Release = catalog.Release

// Job is one job of a release: the properties it declares, the links it offers and takes, and how
// it runs.
type Job = catalog.Job

// Link is one entry of a job's provides or consumes list.
type Link = catalog.Link

// Stemcell is an operating system image the Director can make machines from.
type Stemcell = catalog.Stemcell
