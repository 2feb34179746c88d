// Package cli is the command line of PKS: one file per command
// (reference/pks-cli.md). Texts for people are written here and nowhere else;
// what was wrong becomes an exit code in failure.go and nowhere else.
package cli
