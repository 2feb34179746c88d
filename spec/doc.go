// Package spec holds the tests of the BOSH release: every template of every job is
// rendered, and what comes out is given to the program that will read it
// (reference/bosh-release.md §18.2). cases/JOB.yml says what a job is rendered
// with; a job without such a file fails. It has no code of its own.
package spec
