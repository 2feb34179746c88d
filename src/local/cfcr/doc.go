// Package cfcr is what the last published CFCR releases declare, as data: the
// jobs with their properties, links and processes, and the stemcell they were
// made for (reference/cluster-manifest.md §2, §5, §6). The embedded Director
// deploys from it, and tests hold generated manifests against it, since BOSH
// drops a misspelt property without a word.
package cfcr
