package director

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/pks-community/pks-release/src/director/session"
)

// DiffLine is one line of a difference: its text and "added", "removed" or, for
// context, "".
type DiffLine struct {
	Text   string
	Change string
}

// MarshalJSON writes the Director's own form: [text, change or null].
func (l DiffLine) MarshalJSON() ([]byte, error) {
	if l.Change == "" {
		return json.Marshal([]any{l.Text, nil})
	}
	return json.Marshal([]string{l.Text, l.Change})
}

// UnmarshalJSON reads the Director's form.
func (l *DiffLine) UnmarshalJSON(data []byte) error {
	var pair []*string
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if len(pair) != 2 || pair[0] == nil {
		return errors.New("a line of a difference is [text, change]")
	}
	*l = DiffLine{Text: *pair[0]}
	if pair[1] != nil {
		l.Change = *pair[1]
	}
	return nil
}

// Diff compares a manifest, and the configs of today, with the last successful
// deploy (§8.3). Values of properties are redacted. No line: no change.
func (c *Client) Diff(ctx context.Context, deployment string, manifest []byte) ([]DiffLine, error) {
	r := session.Request{
		Kind: "diff", Method: http.MethodPost, Path: deploymentPath(deployment, "diff"),
		ContentType: yamlType, Body: manifest,
	}
	resp, err := c.session.Do(ctx, r)
	if err := judge(r, resp, err); err != nil {
		return nil, err
	}
	var answer struct {
		Diff  []DiffLine `json:"diff"`
		Error string     `json:"error"`
	}
	if err := decode(r, resp.Body, &answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		// A bad manifest is answered with 200 and a stack trace; its first line helps.
		_, text := describe([]byte(firstLine(answer.Error)))
		return nil, &Error{Op: r.Kind, Status: resp.Status, Description: text, reason: ErrRefused}
	}
	return answer.Diff, nil
}

func firstLine(s string) string {
	for i, r := range s {
		if r == '\n' {
			return s[:i]
		}
	}
	return s
}
