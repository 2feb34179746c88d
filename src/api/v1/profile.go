package v1

import "encoding/json"

// Profile is a network or a compute profile (reference/pks-api.md §8, §9).
// Parameters is an object in answers; requests may hold it as a string as well.
type Profile struct {
	Name        string          `json:"name"`
	UUID        string          `json:"uuid"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
}

// ProfileRequest is the body of POST /v1/network-profiles and /v1/compute-profiles.
type ProfileRequest struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
}

// KubernetesProfile is an entry of /v1/kubernetes-profiles
// (reference/pks-api.md §10).
type KubernetesProfile struct {
	Name        string `json:"name"`
	UUID        string `json:"uuid"`
	Owner       string `json:"owner"`
	Description string `json:"description"`
	CreatedAt   int64  `json:"created_at"` // seconds since 1970

	Customizations []Customization `json:"customizations"`
	Experimental   []Customization `json:"experimental_customizations"`
}

// Customization is what one component of Kubernetes is started with.
type Customization struct {
	Component     string            `json:"component"`
	Arguments     map[string]string `json:"arguments,omitempty"`
	FileArguments map[string]string `json:"file-arguments,omitempty"` // flag → the file's content
}

// KubernetesProfileRequest is the body of POST /v1/kubernetes-profiles.
type KubernetesProfileRequest struct {
	Name           string          `json:"name"`
	Description    string          `json:"description,omitempty"`
	Customizations []Customization `json:"customizations,omitempty"`
	Experimental   []Customization `json:"experimental_customizations,omitempty"`
}
