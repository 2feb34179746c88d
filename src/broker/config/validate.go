package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

	"github.com/pks-community/pks-release/src/director"
)

// Validate checks what can be checked without talking to anybody; the texts are
// those that operators of on-demand brokers know.
func (c Config) Validate() error {
	checks := []func() error{
		c.Broker.validate,
		c.validateBOSH,
		c.validatePlatform,
		c.validateCredHub,
		c.ServiceAdapter.validate,
		c.ServiceDeployment.validate,
		c.ServiceCatalog.validate,
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (b Broker) validate() error {
	switch {
	case b.Port == 0:
		return errors.New("broker.port can't be empty")
	case b.Port < 0 || b.Port > 65535:
		return fmt.Errorf("broker.port %d is not a TCP port", b.Port)
	case b.Username == "":
		return errors.New("broker.username can't be empty")
	case b.Password == "":
		return errors.New("broker.password can't be empty")
	case (b.TLS.CertFile == "") != (b.TLS.KeyFile == ""):
		return errors.New("broker.tls needs both cert_file and key_file, or neither")
	case b.TaskPollIntervalMilliseconds < 0:
		return errors.New("broker.task_poll_interval_in_milliseconds can't be negative")
	}
	if b.BindAddress != "" {
		if _, err := netip.ParseAddr(b.BindAddress); err != nil {
			return fmt.Errorf("broker.bind_address %q is not an IP address", b.BindAddress)
		}
	}
	return nil
}

func (c Config) validateBOSH() error {
	if err := c.BOSH.validate(); err != nil {
		return fmt.Errorf("BOSH configuration error: %w", err)
	}
	return nil
}

func (b BOSH) validate() error {
	if b.URL == "" {
		return errors.New("must specify bosh url")
	}
	if b.MaxInFlight < 0 {
		return errors.New("max_in_flight can't be negative")
	}
	if b.RequestTimeoutSeconds < 0 {
		return errors.New("request_timeout_in_seconds can't be negative")
	}
	return b.Authentication.validate()
}

func (a Authentication) validate() error {
	switch {
	case a.Basic.set() && a.UAA.set():
		return errors.New("cannot specify both basic and UAA authentication")
	case a.UAA.set() && a.UAA.ClientCredentials.ClientID == "":
		return errors.New("authentication.uaa.client_credentials.client_id can't be empty")
	case a.UAA.set() && a.UAA.ClientCredentials.ClientSecret == "":
		return errors.New("authentication.uaa.client_credentials.client_secret can't be empty")
	case a.UAA.set():
		return nil
	case !a.Basic.set():
		return errors.New("must specify an authentication type")
	case a.Basic.Username == "":
		return errors.New("authentication.basic.username can't be empty")
	case a.Basic.Password == "":
		return errors.New("authentication.basic.password can't be empty")
	}
	return nil
}

// validatePlatform refuses Cloud Foundry as the platform: this broker serves
// platforms that keep their own instances, such as pks-api.
func (c Config) validatePlatform() error {
	if !c.Broker.DisableCFStartupChecks {
		if c.CF.URL == "" {
			return errors.New("CF configuration error: must specify CF url, or set broker.disable_cf_startup_checks: true")
		}
		return errors.New("CF configuration error: this broker has no Cloud Foundry client: " +
			"set broker.disable_cf_startup_checks: true and, for a list of instances, service_instances_api")
	}
	if err := c.CF.UAA.validate(); err != nil {
		return fmt.Errorf("CF configuration error: %w", err)
	}
	if err := c.CredHub.validate(); err != nil {
		return fmt.Errorf("credhub.%w", err)
	}
	if c.ServiceInstances.URL == "" && c.hasQuotas() {
		return errors.New("quotas need a list of the instances: configure service_instances_api")
	}
	return nil
}

// validate asks for a login only when there is something to log in for.
func (u CFUAA) validate() error {
	if !u.ClientDefinition.Set() {
		return nil
	}
	client, user := u.Authentication.ClientCredentials, u.Authentication.UserCredentials
	switch {
	case u.URL == "":
		return errors.New("cf.uaa.client_definition needs cf.uaa.url")
	case client != ClientCredentials{} && user.set():
		return errors.New("cf.uaa.authentication contains both client and user credentials")
	case user.set() && user.Username == "":
		return errors.New("cf.uaa.authentication.user_credentials.username can't be empty")
	case user.set() && user.Password == "":
		return errors.New("cf.uaa.authentication.user_credentials.password can't be empty")
	case user.set():
	case client.ClientID == "":
		return errors.New("cf.uaa.authentication.client_credentials.client_id can't be empty")
	case client.ClientSecret == "":
		return errors.New("cf.uaa.authentication.client_credentials.client_secret can't be empty")
	}
	if u.ClientDefinition.GrantTypes == "" {
		return errors.New("cf.uaa.client_definition.authorized_grant_types can't be empty")
	}
	return nil
}

func (c RuntimeCredHub) validate() error {
	switch {
	case !c.Set():
		return nil
	case c.APIURL == "":
		return errors.New("api_url can't be empty")
	case c.ClientID == "":
		return errors.New("client_id can't be empty")
	case c.ClientSecret == "":
		return errors.New("client_secret can't be empty")
	}
	return nil
}

func (c Config) hasQuotas() bool {
	if c.ServiceCatalog.GlobalQuotas.set() {
		return true
	}
	for _, p := range c.ServiceCatalog.Plans {
		if p.Quotas.ServiceInstanceLimit != nil {
			return true
		}
		for _, r := range p.Quotas.Resources {
			if r.Limit != 0 {
				return true
			}
		}
	}
	return false
}

func (c Config) validateCredHub() error {
	if !c.Broker.EnableSecureManifests {
		return nil
	}
	if !c.Broker.UseStdin {
		return errors.New("broker.enable_secure_manifests needs broker.use_stdin: secrets do not go on a command line")
	}
	if c.BOSHCredHub.URL == "" {
		return errors.New("broker.enable_secure_manifests needs bosh_credhub.url")
	}
	if !c.BOSHCredHub.Authentication.UAA.set() {
		return errors.New("bosh_credhub.authentication.uaa.client_credentials can't be empty")
	}
	if err := c.BOSHCredHub.Authentication.validate(); err != nil {
		return fmt.Errorf("bosh_credhub.%w", err)
	}
	return nil
}

func (a ServiceAdapter) validate() error {
	const doing = "checking for executable service adapter file: %w"
	if a.Path == "" {
		return fmt.Errorf(doing, errors.New("path is empty"))
	}
	file, err := os.Stat(a.Path)
	if err != nil {
		return fmt.Errorf(doing, err)
	}
	if file.IsDir() {
		return fmt.Errorf(doing, fmt.Errorf("'%s' is a directory", a.Path))
	}
	if file.Mode()&0o500 != 0o500 {
		return fmt.Errorf(doing, fmt.Errorf("'%s' is not executable", a.Path))
	}
	if a.TimeoutSeconds < 0 || a.MaxInFlight < 0 {
		return errors.New("service_adapter: timeout_in_seconds and max_in_flight can't be negative")
	}
	return nil
}

func (c ServiceCatalog) validate() error {
	if c.ID == "" {
		return errors.New("service_catalog.id can't be empty")
	}
	if c.ServiceName == "" {
		return errors.New("service_catalog.service_name can't be empty")
	}
	seen := map[string]bool{}
	for i, p := range c.Plans {
		if p.ID == "" {
			return fmt.Errorf("service_catalog.plans[%d].plan_id can't be empty", i)
		}
		if seen[p.ID] {
			return fmt.Errorf("service_catalog.plans[%d].plan_id %s is used twice", i, p.ID)
		}
		seen[p.ID] = true
		if err := p.validate(); err != nil {
			return fmt.Errorf("service_catalog.plans[%d] (%s): %w", i, p.Name, err)
		}
		if _, err := json.Marshal(c.ForAdapter(p)); err != nil {
			return fmt.Errorf("service_catalog.plans[%d] (%s): cannot be given to the adapter as JSON: %w", i, p.Name, err)
		}
	}
	return nil
}

func (p Plan) validate() error {
	for _, instance := range append(instancesOf(p.LifecycleErrands.PostDeploy), instancesOf(p.LifecycleErrands.PreDelete)...) {
		if _, err := director.ParseErrandInstance(instance); err != nil {
			return fmt.Errorf("lifecycle_errands: %w", err)
		}
	}
	for _, d := range p.BindingWithDNS {
		switch d.Properties.Status {
		case "", "default", "healthy", "unhealthy", "all":
		default:
			return fmt.Errorf("binding_with_dns %s: status %q is none of default, healthy, unhealthy, all", d.Name, d.Properties.Status)
		}
	}
	return nil
}

func instancesOf(errands []serviceadapter.Errand) []string {
	var all []string
	for _, e := range errands {
		all = append(all, e.Instances...)
	}
	return all
}
