// Package stack runs the whole product on one machine: an embedded UAA, BOSH
// Director and CredHub in this process, and pks-broker and pks-api, the programs
// that run in production, as child processes. It is for laptops, tests and
// demos, and listens on loopback only.
package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Layout names every file of one data folder.
type Layout struct{ Dir string }

// NewLayout is the layout of the folder dir, the default if empty. A stack works
// in a folder of its own, so the path is made absolute.
func NewLayout(dir string) (Layout, error) {
	if dir == "" {
		var err error
		if dir, err = defaultDir(); err != nil {
			return Layout{}, err
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Layout{}, fmt.Errorf("find the data folder %s: %w", dir, err)
	}
	return Layout{Dir: abs}, nil
}

// defaultDir is where the stack keeps its data unless told otherwise:
// $PKS_LOCAL_HOME, else .pks-local in the home folder.
func defaultDir() (string, error) {
	if dir := os.Getenv("PKS_LOCAL_HOME"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the home folder: %w: set HOME, or name a folder with --data-dir", err)
	}
	return filepath.Join(home, ".pks-local"), nil
}

func (l Layout) path(elem ...string) string {
	return filepath.Join(append([]string{l.Dir}, elem...)...)
}

// Lock is held by the process that serves the folder.
func (l Layout) Lock() string { return l.path("lock") }

// State is what the serving process says of itself.
func (l Layout) State() string { return l.path("stack.json") }

// Settings keeps which machines and versions the stack has.
func (l Layout) Settings() string { return l.path("settings.json") }

// Machines holds process machines and their disks.
func (l Layout) Machines() string { return l.path("machines") }

// CACertificate is what clients of the stack must trust.
func (l Layout) CACertificate() string { return l.path("tls", "ca.pem") }

// ServerCertificate and ServerKey are used by every listener.
func (l Layout) ServerCertificate() string { return l.path("tls", "server.pem") }
func (l Layout) ServerKey() string         { return l.path("tls", "server-key.pem") }
func (l Layout) caKey() string             { return l.path("tls", "ca-key.pem") }

// Secrets holds the passwords that were made at first start.
func (l Layout) Secrets() string { return l.path("secrets.yml") }

// Subnet holds the addresses of the machines.
func (l Layout) Subnet() string { return l.path("subnet") }

// UAA, Director, CredHub and Kubernetes are the folders of the embedded parts.
func (l Layout) UAA() string        { return l.path("uaa") }
func (l Layout) Director() string   { return l.path("director") }
func (l Layout) CredHub() string    { return l.path("credhub") }
func (l Layout) Kubernetes() string { return l.path("kubernetes") }

// APIConfig, APIDatabase and BrokerConfig are what the child processes are given.
func (l Layout) APIConfig() string    { return l.path("config", "pks-api.yml") }
func (l Layout) APIDatabase() string  { return l.path("pks-api", "pks-api.db") }
func (l Layout) BrokerConfig() string { return l.path("config", "pks-broker.yml") }

// Log is the log file of one program.
func (l Layout) Log(program string) string { return l.path("logs", program+".log") }

// ClientHome and Kubeconfig keep what the command lines store apart from the
// user's own files; "pks-local env" points there.
func (l Layout) ClientHome() string { return l.path("client") }
func (l Layout) Kubeconfig() string { return l.path("client", "kubeconfig") }

// ClientPrograms has the kubectl that belongs to process machines.
func (l Layout) ClientPrograms() string { return l.path("client", "bin") }

func (l Layout) folders() []string {
	return []string{
		l.path("tls"), l.UAA(), l.Director(), l.CredHub(), l.Kubernetes(), l.Machines(),
		l.path("config"), l.path("pks-api"), l.path("logs"), l.ClientHome(),
	}
}

// Make creates the folders, readable by the owner alone.
func (l Layout) Make() error {
	for _, dir := range append([]string{l.Dir}, l.folders()...) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the data folder: %w", err)
		}
	}
	return nil
}

// own lists what a stack has made in the folder, the lock last.
func (l Layout) own() ([]string, error) {
	paths := append(l.folders(), l.State(), l.Settings(), l.Secrets(), l.Subnet())
	entries, err := os.ReadDir(l.Dir)
	if err != nil {
		return nil, fmt.Errorf("list the data: %w", err)
	}
	for _, e := range entries {
		// A killed stack may have left a file half written: .NAME and a number.
		name, dotted := strings.CutPrefix(e.Name(), ".")
		name = strings.TrimRight(name, "0123456789")
		if dotted && "."+name != e.Name() && slices.Contains(paths, l.path(name)) {
			paths = append(paths, l.path(e.Name()))
		}
	}
	return append(paths, l.Lock()), nil
}
