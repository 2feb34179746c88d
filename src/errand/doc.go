// Package errand holds what the errands of the release have in common: the
// configuration file, the log that BOSH shows, patience with an API that is away,
// and exit codes. Each errand is a package below.
package errand
