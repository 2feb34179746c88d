package uaa

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
)

// Info is what a UAA tells about itself without a log-in (reference/uaa.md §8).
type Info struct {
	Version string
	// Prompts lists what a person is asked for: name → kind and label.
	Prompts map[string]Prompt
	// PasscodeURL is where a person gets a one-time code.
	PasscodeURL string
}

// Prompt is one thing to ask a person for.
type Prompt struct {
	Secret bool // do not show what is typed
	Label  string
}

var passcodeAddress = regexp.MustCompile(`https?://\S+/passcode\b`)

// Info asks UAA about itself. ErrNotUAA says that something else answered.
func (c *Client) Info(ctx context.Context) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.endpoint.send(ctx, http.MethodGet, "/info", nil, nil)
	if err != nil {
		return Info{}, transportError(c.endpoint.base, err)
	}
	if answer.status == http.StatusTooManyRequests || answer.status >= http.StatusInternalServerError {
		return Info{}, &Error{Kind: ErrUnavailable, URL: c.endpoint.base, Status: answer.status}
	}
	var document struct {
		App struct {
			Version string `json:"version"`
		} `json:"app"`
		Prompts map[string][]string `json:"prompts"`
	}
	if answer.status != http.StatusOK || json.Unmarshal(answer.body, &document) != nil || document.Prompts == nil {
		return Info{}, &Error{Kind: ErrNotUAA, URL: c.endpoint.base, Status: answer.status}
	}
	info := Info{Version: document.App.Version, Prompts: map[string]Prompt{}, PasscodeURL: c.endpoint.base + "/passcode"}
	for name, prompt := range document.Prompts {
		if len(prompt) == 2 {
			info.Prompts[name] = Prompt{Secret: prompt[0] == "password", Label: prompt[1]}
		}
	}
	if address := passcodeAddress.FindString(info.Prompts["passcode"].Label); address != "" {
		info.PasscodeURL = address
	}
	return info, nil
}

// Issuer asks UAA what stands as issuer in its tokens (reference/uaa.md §6.3).
func (c *Client) Issuer(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.endpoint.send(ctx, http.MethodGet, "/.well-known/openid-configuration", nil, nil)
	if err != nil {
		return "", transportError(c.endpoint.base, err)
	}
	if answer.status == http.StatusTooManyRequests || answer.status >= http.StatusInternalServerError {
		return "", &Error{Kind: ErrUnavailable, URL: c.endpoint.base, Status: answer.status}
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	if answer.status != http.StatusOK || json.Unmarshal(answer.body, &document) != nil || document.Issuer == "" {
		return "", &Error{Kind: ErrNotUAA, URL: c.endpoint.base, Status: answer.status}
	}
	return document.Issuer, nil
}
