package broker

import (
	"bytes"
	"encoding/json"
	"fmt"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
)

// parametersOf refuses parameters that are not a JSON object; absent ones and
// null read as {}.
func parametersOf(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return json.RawMessage("{}"), nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, apiresponses.ErrRawParamsInvalid
	}
	return raw, nil
}

func emptyObject(raw json.RawMessage) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(raw, &object) == nil && len(object) == 0
}

// contextOf passes on a context that is an object and drops any other: adapters
// may take it for granted that it is one.
func contextOf(raw json.RawMessage) json.RawMessage {
	var object map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &object) != nil || object == nil {
		return nil
	}
	return raw
}

// provisionParams is the request as the adapter is given it (§3.3).
func provisionParams(d domain.ProvisionDetails, parameters json.RawMessage) (json.RawMessage, error) {
	return encodeParams(struct {
		ServiceID        string                  `json:"service_id"`
		PlanID           string                  `json:"plan_id"`
		OrganizationGUID string                  `json:"organization_guid"`
		SpaceGUID        string                  `json:"space_guid"`
		Context          json.RawMessage         `json:"context,omitempty"`
		MaintenanceInfo  *domain.MaintenanceInfo `json:"maintenance_info,omitempty"`
		Parameters       json.RawMessage         `json:"parameters"`
	}{d.ServiceID, d.PlanID, d.OrganizationGUID, d.SpaceGUID, contextOf(d.RawContext), d.MaintenanceInfo, parameters})
}

// updateParams likewise.
func updateParams(d domain.UpdateDetails, parameters json.RawMessage) (json.RawMessage, error) {
	return encodeParams(struct {
		ServiceID       string                  `json:"service_id"`
		PlanID          string                  `json:"plan_id"`
		Parameters      json.RawMessage         `json:"parameters"`
		PreviousValues  domain.PreviousValues   `json:"previous_values"`
		Context         json.RawMessage         `json:"context,omitempty"`
		MaintenanceInfo *domain.MaintenanceInfo `json:"maintenance_info,omitempty"`
	}{d.ServiceID, d.PlanID, parameters, d.PreviousValues, contextOf(d.RawContext), d.MaintenanceInfo})
}

// upgradeParams is {"context": {…}} or {"context": null}. A platform that knows what was asked for
// sends the parameters along: after a failed update the manifest does not hold them yet.
func upgradeParams(context, parameters json.RawMessage) (json.RawMessage, error) {
	return encodeParams(struct {
		Context    json.RawMessage `json:"context"`
		Parameters json.RawMessage `json:"parameters,omitempty"`
	}{contextOf(context), parameters})
}

// bindParams is the request of a binding.
func bindParams(d domain.BindDetails, parameters json.RawMessage) (json.RawMessage, error) {
	return encodeParams(struct {
		AppGUID      string               `json:"app_guid"`
		PlanID       string               `json:"plan_id"`
		ServiceID    string               `json:"service_id"`
		BindResource *domain.BindResource `json:"bind_resource,omitempty"`
		Context      json.RawMessage      `json:"context,omitempty"`
		Parameters   json.RawMessage      `json:"parameters"`
	}{d.AppGUID, d.PlanID, d.ServiceID, d.BindResource, contextOf(d.RawContext), parameters})
}

func encodeParams(v any) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode the request for the adapter: %w", err)
	}
	return text, nil
}
