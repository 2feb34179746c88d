package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director/session"
	"github.com/pks-community/pks-release/src/pks"
)

// instance is one instance as the platform lists it (§2, Services-Instances API).
type instance struct {
	ID        string `json:"service_instance_id"`
	PlanID    string `json:"plan_id"`
	SpaceGUID string `json:"space_guid,omitempty"`
}

// instanceList asks the platform for its instances of the offering.
type instanceList struct {
	session *session.Session
	url     string
}

const instanceListTimeout = 30 * time.Second

func newInstanceList(c config.ServiceInstances) (*instanceList, error) {
	address, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("service_instances_api.url: %w", err)
	}
	s, err := session.New(session.Config{
		URL: c.URL, CACert: c.RootCACert, SkipVerify: c.DisableSSLCertVerification, Timeout: instanceListTimeout,
		Username: c.Authentication.Basic.Username, Password: c.Authentication.Basic.Password,
	})
	if err != nil {
		return nil, fmt.Errorf("service_instances_api: %w", err)
	}
	return &instanceList{session: s, url: address.Redacted()}, nil
}

// all lists the instances; filter is passed on as it is.
func (l *instanceList) all(ctx context.Context, filter url.Values) ([]instance, error) {
	resp, err := l.session.Do(ctx, session.Request{Kind: "service instances", Method: http.MethodGet, Query: filter})
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return nil, fmt.Errorf("error communicating with service_instances_api (%s): %w; "+
			"service_instances_api.root_ca_cert must have the certificate of the authority that signed the server's", l.url, err)
	}
	if err != nil {
		return nil, fmt.Errorf("error communicating with service_instances_api (%s): %w", l.url, err)
	}
	if resp.Status != http.StatusOK {
		return nil, fmt.Errorf("error communicating with service_instances_api (%s): HTTP response status: %d %s. %s",
			l.url, resp.Status, http.StatusText(resp.Status), saidBy(resp.Body))
	}
	instances := []instance{}
	if err := json.Unmarshal(resp.Body, &instances); err != nil {
		return nil, fmt.Errorf("error communicating with service_instances_api (%s): decode the answer: %w", l.url, err)
	}
	return instances, nil
}

// saidBy is what the platform says of a failure: platforms of the reference say it
// in description, pks-api in body.
func saidBy(answer []byte) string {
	var said struct {
		Description string `json:"description"`
		Body        string `json:"body"`
	}
	_ = json.Unmarshal(answer, &said) // the status says enough
	return pks.Shorten(cmp.Or(said.Description, said.Body))
}

// errNoList: nobody tells this broker which instances there should be.
var errNoList = errors.New("the platform's instances are not known: configure service_instances_api")

func (b *Broker) listInstances(ctx context.Context, filter url.Values) ([]instance, error) {
	if b.instances == nil {
		return nil, errNoList
	}
	instances, err := b.instances.all(ctx, filter)
	if err == nil {
		b.warnOfMissingPlans(ctx, instances)
	}
	return instances, err
}

// warnOfMissingPlans says once of each plan that has instances but is configured no
// more. The reference would not start (§1.13), unless Cloud Foundry is left out as
// it is here, and takes them for nothing then.
func (b *Broker) warnOfMissingPlans(ctx context.Context, instances []instance) {
	for _, i := range instances {
		if _, ok := b.config.ServiceCatalog.Plan(i.PlanID); ok {
			continue
		}
		if _, told := b.missingPlans.LoadOrStore(i.PlanID, true); !told {
			b.logger.WarnContext(ctx, "plan was expected but is now missing: instances that have it can be neither updated nor upgraded",
				"plan", i.PlanID, "cluster", i.ID)
		}
	}
}
