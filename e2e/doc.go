// Package e2e holds the end-to-end tests: they start the built programs as a
// user would and judge them by what they print, answer and exit with.
package e2e
