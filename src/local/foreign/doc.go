// Package foreign is what the releases of other projects that manifests/pks.yml deploys declare, as
// data: jobs with the properties, links and processes that matter there. Tests deploy the manifest to
// the embedded Director with it, and hold every property of the manifest against it, since BOSH drops a
// misspelt property without a word.
package foreign
