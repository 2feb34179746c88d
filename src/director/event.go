package director

import (
	"bytes"
	"context"
	"encoding/json"
)

// Event is one line of a task's event output (§6.2): a step of a stage, a
// deprecation or warning (Type), or the error that ended the task (Failure).
type Event struct {
	Time     int64    `json:"time"` // Unix seconds
	Stage    string   `json:"stage"`
	Tags     []string `json:"tags"`
	Total    int      `json:"total"` // 0 when not known
	Task     string   `json:"task"`
	Index    int      `json:"index"`
	State    string   `json:"state"` // started, in_progress, finished, failed
	Progress int      `json:"progress"`
	Data     struct {
		Status string `json:"status"`
		Error  string `json:"error"`
	} `json:"data"`
	Type    string        `json:"type"`
	Message string        `json:"message"`
	Failure *EventFailure `json:"error"`
}

// EventFailure is the whole error text of a task that failed.
type EventFailure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// ParseEvents decodes the complete lines of text and says how many bytes they
// take. A line that is not JSON is passed over: it must not hide those after it.
func ParseEvents(text []byte) (events []Event, used int) {
	for line := range bytes.Lines(text) {
		if line[len(line)-1] != '\n' {
			break
		}
		used += len(line)
		var e Event
		if json.Unmarshal(line, &e) == nil {
			events = append(events, e)
		}
	}
	return events, used
}

// Failure fetches why a task failed, in full; nil when its events do not say so,
// as with a task whose process was killed.
func (c *Client) Failure(ctx context.Context, task int) (*EventFailure, error) {
	text, err := c.EventOutput(ctx, task, 0)
	if err != nil {
		return nil, err
	}
	if n := len(text); n > 0 && text[n-1] != '\n' {
		text = append(text, '\n')
	}
	events, _ := ParseEvents(text)
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].Failure != nil {
			return events[i].Failure, nil
		}
	}
	return nil, nil
}
