package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director/session"
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
	if err != nil {
		return nil, fmt.Errorf("error communicating with service_instances_api (%s): %w", l.url, err)
	}
	if resp.Status != http.StatusOK {
		var answer struct {
			Description string `json:"description"`
		}
		_ = json.Unmarshal(resp.Body, &answer) // the status says enough
		return nil, fmt.Errorf("error communicating with service_instances_api (%s): HTTP response status: %d %s. %s",
			l.url, resp.Status, http.StatusText(resp.Status), answer.Description)
	}
	instances := []instance{}
	if err := json.Unmarshal(resp.Body, &instances); err != nil {
		return nil, fmt.Errorf("error communicating with service_instances_api (%s): decode the answer: %w", l.url, err)
	}
	return instances, nil
}

// errNoList: nobody tells this broker which instances there should be.
var errNoList = errors.New("the platform's instances are not known: configure service_instances_api")

func (b *Broker) listInstances(ctx context.Context, filter url.Values) ([]instance, error) {
	if b.instances == nil {
		return nil, errNoList
	}
	return b.instances.all(ctx, filter)
}
