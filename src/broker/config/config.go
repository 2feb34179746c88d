// Package config is the broker's configuration file
// (reference/on-demand-broker.md §4): its keys, defaults and rules.
package config

import (
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// Config is the whole file.
type Config struct {
	Broker            Broker            `yaml:"broker"`
	BOSH              BOSH              `yaml:"bosh"`
	CF                CF                `yaml:"cf"`
	ServiceInstances  ServiceInstances  `yaml:"service_instances_api"`
	CredHub           RuntimeCredHub    `yaml:"credhub"`
	BOSHCredHub       BOSHCredHub       `yaml:"bosh_credhub"`
	ServiceAdapter    ServiceAdapter    `yaml:"service_adapter"`
	ServiceDeployment ServiceDeployment `yaml:"service_deployment"`
	ServiceCatalog    ServiceCatalog    `yaml:"service_catalog"`
}

// Broker is how the broker itself behaves.
type Broker struct {
	Port int `yaml:"port"`
	// BindAddress is the host to listen on; empty: all interfaces.
	BindAddress string     `yaml:"bind_address"`
	Username    string     `yaml:"username"`
	Password    pks.Secret `yaml:"password"`
	TLS         TLS        `yaml:"tls"`

	ShutdownTimeoutSeconds int `yaml:"shutdown_timeout_in_seconds"`
	// TaskPollIntervalMilliseconds is how often the Director is asked for the tasks
	// that run; 0: 500.
	TaskPollIntervalMilliseconds int `yaml:"task_poll_interval_in_milliseconds"`

	DisableSSLCertVerification bool `yaml:"disable_ssl_cert_verification"`
	DisableBOSHConfigs         bool `yaml:"disable_bosh_configs"`
	StartupBanner              bool `yaml:"startup_banner"`
	DisableCFStartupChecks     bool `yaml:"disable_cf_startup_checks"`
	ExposeOperationalErrors    bool `yaml:"expose_operational_errors"`
	EnablePlanSchemas          bool `yaml:"enable_plan_schemas"`
	UseStdin                   bool `yaml:"use_stdin"`
	EnableSecureManifests      bool `yaml:"enable_secure_manifests"`
	EnableTelemetry            bool `yaml:"enable_telemetry"`
	EnableOptimisedUpgrades    bool `yaml:"enable_optimised_upgrades"`
	SupportBackupAgentBinding  bool `yaml:"support_backup_agent_binding"`
	SkipPendingChangesCheck    bool `yaml:"skip_check_for_pending_changes"`
	KeepVersionsOnUpdate       bool `yaml:"keep_versions_on_update"`
}

// TLS names the server's certificate; both files or neither.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// ShutdownTimeout is how long requests may take to end; at least a second.
func (b Broker) ShutdownTimeout() time.Duration {
	return time.Duration(max(b.ShutdownTimeoutSeconds, 1)) * time.Second
}

// TaskPollInterval is the tick of the task view.
func (b Broker) TaskPollInterval() time.Duration {
	if b.TaskPollIntervalMilliseconds == 0 {
		return 500 * time.Millisecond
	}
	return time.Duration(b.TaskPollIntervalMilliseconds) * time.Millisecond
}

// BOSH is the Director.
type BOSH struct {
	URL            string         `yaml:"url"`
	RootCACert     string         `yaml:"root_ca_cert"`
	Authentication Authentication `yaml:"authentication"`
	// MaxInFlight bounds the requests to the Director that are under way at once;
	// 0: 20.
	MaxInFlight int `yaml:"max_in_flight"`
	// RequestTimeoutSeconds bounds each of them; 0: 60.
	RequestTimeoutSeconds int `yaml:"request_timeout_in_seconds"`
}

// Authentication is one of two ways to log in.
type Authentication struct {
	Basic UserCredentials `yaml:"basic"`
	UAA   UAAClient       `yaml:"uaa"`
}

// UserCredentials are a name and a password.
type UserCredentials struct {
	Username string     `yaml:"username"`
	Password pks.Secret `yaml:"password"`
}

func (c UserCredentials) set() bool { return c != UserCredentials{} }

// UAAClient logs in at the UAA that the server names. URL and UserCredentials are
// read and not used, as ever.
type UAAClient struct {
	URL               string            `yaml:"url"`
	ClientCredentials ClientCredentials `yaml:"client_credentials"`
	UserCredentials   UserCredentials   `yaml:"user_credentials"`
}

func (c UAAClient) set() bool { return c.ClientCredentials != ClientCredentials{} }

// ClientCredentials are a UAA client and its secret.
type ClientCredentials struct {
	ClientID     string     `yaml:"client_id"`
	ClientSecret pks.Secret `yaml:"client_secret"`
}

// CF is the Cloud Foundry that would be the platform.
type CF struct {
	URL                        string `yaml:"url"`
	RootCACert                 string `yaml:"root_ca_cert"`
	DisableSSLCertVerification bool   `yaml:"disable_ssl_cert_verification"`
	UAA                        CFUAA  `yaml:"uaa"`
}

// CFUAA is the UAA at which instances have clients of their own (§1.10). It need
// not be a Cloud Foundry's.
type CFUAA struct {
	URL            string `yaml:"url"`
	Authentication struct {
		ClientCredentials ClientCredentials `yaml:"client_credentials"`
		UserCredentials   UserCredentials   `yaml:"user_credentials"`
	} `yaml:"authentication"`
	ClientDefinition ClientDefinition `yaml:"client_definition"`
}

// Set tells whether the UAA can be logged in to: as a client, or as a person by the
// client cf.
func (u CFUAA) Set() bool {
	return u.URL != "" && (u.Authentication.ClientCredentials != ClientCredentials{} || u.Authentication.UserCredentials.set())
}

// ClientDefinition is what each instance's UAA client is like; lists are joined by
// commas.
type ClientDefinition struct {
	Authorities string `yaml:"authorities"`
	GrantTypes  string `yaml:"authorized_grant_types"`
	ResourceIDs string `yaml:"resource_ids"`
	Scopes      string `yaml:"scopes"`
	Name        string `yaml:"name"`
	AllowPublic string `yaml:"allowpublic"`
}

// Set tells whether instances have clients: a name alone makes none.
func (d ClientDefinition) Set() bool {
	return d.Authorities != "" || d.GrantTypes != "" || d.ResourceIDs != "" || d.Scopes != ""
}

// ServiceInstances is the platform's list of instances.
type ServiceInstances struct {
	URL                        string `yaml:"url"`
	RootCACert                 string `yaml:"root_ca_cert"`
	DisableSSLCertVerification bool   `yaml:"disable_ssl_cert_verification"`
	Authentication             struct {
		Basic UserCredentials `yaml:"basic"`
	} `yaml:"authentication"`
}

// RuntimeCredHub is where the credentials of bindings are kept for applications.
type RuntimeCredHub struct {
	APIURL            string     `yaml:"api_url"`
	ClientID          string     `yaml:"client_id"`
	ClientSecret      pks.Secret `yaml:"client_secret"`
	CACert            string     `yaml:"ca_cert"`
	InternalUAACACert string     `yaml:"internal_uaa_ca_cert"`
}

// Set tells whether binding credentials go to CredHub: any value turns it on.
func (c RuntimeCredHub) Set() bool { return c != RuntimeCredHub{} }

// Roots are the authorities of CredHub and of its UAA together; empty: the system's.
func (c RuntimeCredHub) Roots() string {
	return strings.TrimSpace(strings.TrimSpace(c.CACert) + "\n" + strings.TrimSpace(c.InternalUAACACert))
}

// BOSHCredHub is the Director's CredHub, for the secrets of manifests.
type BOSHCredHub struct {
	URL            string         `yaml:"url"`
	RootCACert     string         `yaml:"root_ca_cert"`
	Authentication Authentication `yaml:"authentication"`
}

// ServiceAdapter is the executable that knows the service.
type ServiceAdapter struct {
	Path string `yaml:"path"`
	// TimeoutSeconds bounds one run; 0: 60.
	TimeoutSeconds int `yaml:"timeout_in_seconds"`
	// MaxInFlight bounds how many run at once; 0: twice the number of processors.
	MaxInFlight int `yaml:"max_in_flight"`
}

// Timeout of one run of the adapter.
func (a ServiceAdapter) Timeout() time.Duration {
	if a.TimeoutSeconds == 0 {
		return time.Minute
	}
	return time.Duration(a.TimeoutSeconds) * time.Second
}
