// Package config reads the configuration file of pks-api. It is strict: an
// unknown key, a missing value or an unreadable file is refused by name before
// anything starts.
package config

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/strictyaml"
)

// Config is the whole file. Durations are written as Go writes them: 10s, 2m.
type Config struct {
	Listen            string        `yaml:"listen"`
	TLS               TLS           `yaml:"tls"`
	Database          Database      `yaml:"database"`
	UAA               UAA           `yaml:"uaa"`
	Broker            Broker        `yaml:"broker"`
	ServiceInstances  Login         `yaml:"service_instances"`
	KubernetesVersion string        `yaml:"kubernetes_version"`
	Plans             []pks.Plan    `yaml:"plans"`
	PollInterval      time.Duration `yaml:"poll_interval"`
	Metrics           Metrics       `yaml:"metrics"`
	// LockFile closes the API to changes as long as the file exists; empty: never.
	LockFile string `yaml:"lock_file"`
	Log      Log    `yaml:"log"`
}

// TLS is what the API shows its clients. Both are paths of PEM files.
type TLS struct {
	CertificateFile string `yaml:"certificate_file"`
	PrivateKeyFile  string `yaml:"private_key_file"`
}

// Database says where the state lives. Path is for sqlite, DSNFile for postgres:
// a file, so that the password is not in this one.
type Database struct {
	Driver  Driver `yaml:"driver"`
	Path    string `yaml:"path"`
	DSNFile string `yaml:"dsn_file"`
}

// Driver is a kind of database.
type Driver string

const (
	SQLite   Driver = "sqlite"
	Postgres Driver = "postgres"
)

// UAA says whose tokens are taken.
type UAA struct {
	URL          string     `yaml:"url"`
	Issuer       string     `yaml:"issuer"`
	CAFile       string     `yaml:"ca_file"` // empty: the system's roots
	ClientID     string     `yaml:"client_id"`
	ClientSecret pks.Secret `yaml:"client_secret"`
	Audiences    []string   `yaml:"audiences"`
}

// Broker says where the service broker is and how to log in to it.
type Broker struct {
	URL       string        `yaml:"url"`
	CAFile    string        `yaml:"ca_file"` // empty: the system's roots
	Username  string        `yaml:"username"`
	Password  pks.Secret    `yaml:"password"`
	ServiceID string        `yaml:"service_id"`
	Timeout   time.Duration `yaml:"timeout"`
}

// Login is a user name and a password that clients give. Both or neither: without
// them what they would open stays closed.
type Login struct {
	Username string     `yaml:"username"`
	Password pks.Secret `yaml:"password"`
}

// Metrics says where the program's metrics can be read, by HTTP without TLS and
// without a login; empty: nowhere. No secret is in them.
type Metrics struct {
	Listen string `yaml:"listen"`
}

// Log says how much is logged.
type Log struct {
	Level slog.Level `yaml:"level"`
}

// Load reads and checks the file. The error names the key that is wrong.
func Load(path string) (Config, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	config, err := Parse(content)
	if err != nil {
		return Config{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	return config, nil
}

// Parse reads the content of a configuration file, fills in the defaults and
// checks every key. It looks at no other file.
func Parse(content []byte) (Config, error) {
	config := Config{
		Listen:       "0.0.0.0:9021",
		Database:     Database{Driver: SQLite},
		UAA:          UAA{Audiences: []string{"pks.clusters"}},
		Broker:       Broker{Timeout: time.Minute},
		PollInterval: 10 * time.Second,
	}
	if err := strictyaml.Decode(content, &config); err != nil {
		return Config{}, err
	}
	return config, config.check()
}
