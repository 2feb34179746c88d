package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// check refuses what could not work, all of it at once.
func (c Config) check() error {
	return errors.Join(
		checkListen("listen", c.Listen),
		c.Metrics.check(),
		required("tls.certificate_file", c.TLS.CertificateFile),
		required("tls.private_key_file", c.TLS.PrivateKeyFile),
		c.Database.check(),
		c.UAA.check(),
		c.Broker.check(),
		c.ServiceInstances.check("service_instances"),
		required("kubernetes_version", c.KubernetesVersion),
		checkPlans(c.Plans),
		between("poll_interval", c.PollInterval, 10*time.Millisecond, time.Hour),
	)
}

func (d Database) check() error {
	switch d.Driver {
	case SQLite:
		return errors.Join(required("database.path", d.Path), unused("database.dsn_file", d.DSNFile, "driver sqlite"))
	case Postgres:
		return errors.Join(required("database.dsn_file", d.DSNFile), unused("database.path", d.Path, "driver postgres"))
	default:
		return fmt.Errorf("database.driver is %q; it must be sqlite or postgres", d.Driver)
	}
}

func (u UAA) check() error {
	var audiences error
	if slices.Contains(u.Audiences, "") {
		audiences = errors.New("uaa.audiences holds an empty text")
	}
	return errors.Join(
		checkURL("uaa.url", u.URL),
		checkURL("uaa.issuer", u.Issuer),
		required("uaa.client_id", u.ClientID),
		required("uaa.client_secret", u.ClientSecret.Reveal()),
		audiences,
	)
}

func (b Broker) check() error {
	return errors.Join(
		checkURL("broker.url", b.URL),
		required("broker.username", b.Username),
		required("broker.password", b.Password.Reveal()),
		required("broker.service_id", b.ServiceID),
		between("broker.timeout", b.Timeout, time.Second, 10*time.Minute),
	)
}

// check wants both or neither. A colon would end the user name early
// (RFC 7617 §2).
func (l Login) check(key string) error {
	if l == (Login{}) {
		return nil
	}
	var colon error
	if strings.Contains(l.Username, ":") {
		colon = fmt.Errorf("%s.username must not have a colon", key)
	}
	return errors.Join(required(key+".username", l.Username), required(key+".password", l.Password.Reveal()), colon)
}

func checkPlans(plans []pks.Plan) error {
	if len(plans) == 0 {
		return errors.New("plans is empty: without one no cluster can be made")
	}
	var faults []error
	ids, names := map[string]bool{}, map[string]bool{}
	for i, p := range plans {
		at := fmt.Sprintf("plans[%d].", i)
		faults = append(faults, required(at+"id", p.ID), required(at+"name", p.Name), required(at+"description", p.Description))
		if ids[p.ID] {
			faults = append(faults, fmt.Errorf("%sid %q is another plan's too", at, p.ID))
		}
		if names[p.Name] {
			faults = append(faults, fmt.Errorf("%sname %q is another plan's too", at, p.Name))
		}
		ids[p.ID], names[p.Name] = true, true
		if !slices.Contains([]int{1, 3, 5}, p.MasterInstances) {
			faults = append(faults, fmt.Errorf("%smaster_instances is %d; etcd needs 1, 3 or 5", at, p.MasterInstances))
		}
		if p.CNI != "" && !slices.Contains(pks.CNIs(), p.CNI) {
			faults = append(faults, fmt.Errorf("%scni is %q; it must be one of %q", at, p.CNI, pks.CNIs()))
		}
		faults = append(faults, checkSize(at+"master_vm", p.MasterVM), checkSize(at+"worker_vm", p.WorkerVM))
		if p.WorkerInstances < 1 || p.WorkerInstances > p.MaxWorkerInstances {
			faults = append(faults, fmt.Errorf("%sworker_instances is %d; it must be from 1 to max_worker_instances, which is %d",
				at, p.WorkerInstances, p.MaxWorkerInstances))
		}
	}
	return errors.Join(faults...)
}

// checkSize wants both or neither: a size is left out where the operator does not
// know it, and then no quota can limit it.
func checkSize(key string, size pks.MachineSize) error {
	if size == (pks.MachineSize{}) || size.Known() {
		return nil
	}
	return fmt.Errorf("%s needs cpu and memory_in_mb, both above 0", key)
}

func (m Metrics) check() error {
	if m.Listen == "" {
		return nil
	}
	return checkListen("metrics.listen", m.Listen)
}

func checkListen(key, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s is %q; it must be HOST:PORT", key, address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%s is %q; %q is not a TCP port", key, address, port)
	}
	return nil
}

// checkURL wants https: tokens and passwords travel there. The text of a bad URL
// is not repeated, since it might hold a password.
func checkURL(key, text string) error {
	if text == "" {
		return required(key, text)
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil {
		return fmt.Errorf("%s must be a URL of the form https://HOST[:PORT], without a user name", key)
	}
	return nil
}

func required(key, value string) error {
	if value == "" {
		return fmt.Errorf("%s is missing", key)
	}
	return nil
}

func unused(key, value, because string) error {
	if value != "" {
		return fmt.Errorf("%s has no meaning with %s", key, because)
	}
	return nil
}

func between(key string, value, least, most time.Duration) error {
	if value < least || value > most {
		return fmt.Errorf("%s is %s; it must be from %s to %s", key, value, least, most)
	}
	return nil
}
