// Package privatefile changes small files that hold secrets: creds.yml and
// kubeconfigs. A change is read, edit and replace under a lock, so that two
// processes at once lose nothing; the replacement is one rename, so that an
// interrupted write leaves the old file; what it creates is for its owner alone.
package privatefile
