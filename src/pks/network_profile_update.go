package pks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// updateableNetwork are the members that may differ between the profile that a
// cluster has and the one that it is given (reference/pks-product.md §7.1).
func updateableNetwork() []string {
	return []string{"pod_ip_block_ids", "fip_pool_ids", "nodes_dns", "node_ip_block_ids", "cni_configurations"}
}

// growing are those to which may only be added: what is in use must stay.
func growing() []string { return []string{"pod_ip_block_ids", "fip_pool_ids", "node_ip_block_ids"} }

// ReplaceNetworkProfile is what a cluster has after it was given another network
// profile, or a conflict that names the member that cannot change. A member that
// one of the two leaves out keeps its value, as the original has it
// (reference/pks-product.md §7.3): the copy under the new name holds what is in
// force, not what the new profile would be on a new cluster.
func ReplaceNetworkProfile(present *Profile, next Profile) (*Profile, error) {
	was, err := readDocument[map[string]json.RawMessage](present)
	if err != nil {
		return nil, err
	}
	wanted, err := readDocument[map[string]json.RawMessage](&next)
	if err != nil {
		return nil, err
	}
	dropNulls(was)
	dropNulls(wanted)
	result := map[string]json.RawMessage{}
	maps.Copy(result, was)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		old, had := was[name]
		switch {
		case slices.Contains(updateableNetwork(), name):
			if result[name], err = updatedMember(name, old, wanted[name]); err != nil {
				return nil, err
			}
		case had && !sameJSON(old, wanted[name]):
			return nil, networkConflict(name)
		case !had && (name == "pod_cidr" || name == "service_cidr"):
			return nil, networkConflict(name)
		}
	}
	if len(result) == 0 {
		return &Profile{Name: next.Name}, nil
	}
	merged, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("write profile %s: %w", next.Name, err)
	}
	return &Profile{Name: next.Name, Parameters: merged}, nil
}

func updatedMember(name string, old, wanted json.RawMessage) (json.RawMessage, error) {
	switch {
	case name == "cni_configurations":
		return updatedCNI(old, wanted)
	case slices.Contains(growing(), name) && len(old) > 0:
		var before, after []string
		if err := errors.Join(json.Unmarshal(old, &before), json.Unmarshal(wanted, &after)); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		for _, id := range before {
			if !slices.Contains(after, id) {
				return nil, networkConflict(name).WithRemedy("Keep %q: it is in use. Others may be added.", Shorten(id))
			}
		}
	}
	return wanted, nil
}

// updatedCNI lets the settings differ but for those that name what exists.
func updatedCNI(old, wanted json.RawMessage) (json.RawMessage, error) {
	type configuration struct {
		Type       string                     `json:"type"`
		Parameters map[string]json.RawMessage `json:"parameters,omitempty"`
	}
	var before, after configuration
	if len(old) > 0 {
		if err := json.Unmarshal(old, &before); err != nil {
			return nil, fmt.Errorf("read cni_configurations: %w", err)
		}
	}
	if err := json.Unmarshal(wanted, &after); err != nil {
		return nil, fmt.Errorf("read cni_configurations: %w", err)
	}
	dropNulls(before.Parameters)
	dropNulls(after.Parameters)
	for _, name := range []string{"ingress_ip", "nsx_ingress_controller"} {
		was, had := before.Parameters[name]
		will, has := after.Parameters[name]
		switch {
		case had && has && !sameJSON(was, will):
			return nil, networkConflict("cni_configurations.parameters." + name)
		case had:
			if after.Parameters == nil {
				after.Parameters = map[string]json.RawMessage{}
			}
			after.Parameters[name] = was
		case has:
			delete(after.Parameters, name)
		}
	}
	return json.Marshal(after)
}

// networkConflict has the words that users of the original know
// (reference/pks-api.md §3.3).
func networkConflict(member string) *Failure {
	return Failf(CodeInvalidRequest, "Error processing update parameters: field %s has conflict.", member).
		WithRemedy("It cannot change on a cluster that exists: choose a profile that has the same value, or leaves it out.")
}

func dropNulls(members map[string]json.RawMessage) {
	maps.DeleteFunc(members, func(_ string, value json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(value), []byte("null")) })
}

// sameJSON compares values, whatever the order of members and the blanks between.
func sameJSON(a, b json.RawMessage) bool {
	return bytes.Equal(canonical(a), canonical(b))
}

func canonical(raw json.RawMessage) []byte {
	value, err := parseDocument(raw)
	if err != nil {
		return raw
	}
	written, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return written
}
