package director

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// eventDocument is an audit event on the wire; absent members are left out.
type eventDocument struct {
	ID         string         `json:"id"`
	ParentID   string         `json:"parent_id,omitempty"`
	Timestamp  int64          `json:"timestamp"`
	User       string         `json:"user"`
	Action     string         `json:"action"`
	ObjectType string         `json:"object_type"`
	ObjectName string         `json:"object_name,omitempty"`
	Error      string         `json:"error,omitempty"`
	Task       string         `json:"task,omitempty"`
	Deployment string         `json:"deployment,omitempty"`
	Instance   string         `json:"instance,omitempty"`
	Context    map[string]any `json:"context"`
}

func newEventDocument(e state.Event) eventDocument {
	document := eventDocument{
		ID: strconv.FormatInt(e.ID, 10), Timestamp: e.Timestamp, User: e.User, Action: e.Action, ObjectType: e.ObjectType,
		ObjectName: e.ObjectName, Error: e.Error, Task: e.Task, Deployment: e.Deployment, Instance: e.Instance, Context: e.Context,
	}
	if e.ParentID != nil {
		document.ParentID = strconv.FormatInt(*e.ParentID, 10)
	}
	if document.Context == nil {
		document.Context = map[string]any{}
	}
	return document
}

func (c *call) events() error {
	filter := state.EventFilter{Equal: map[string]string{}}
	for _, key := range []string{"task", "deployment", "instance", "user", "action", "object_type", "object_name"} {
		if value := c.query.Get(key); value != "" {
			filter.Equal[key] = value
		}
	}
	if text := c.query.Get("before_id"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errEmpty
		}
		filter.BeforeID = id
	}
	for name, field := range map[string]**int64{"before": &filter.BeforeTime, "after": &filter.AfterTime} {
		text := c.query.Get(name + "_time")
		if text == "" {
			continue
		}
		at, ok := parseTime(text)
		if !ok {
			c.write(http.StatusBadRequest, mediaJSON, fmt.Sprintf("Invalid %s parameter: '%s' ", name, text))
			return nil
		}
		*field = &at
	}
	events, err := c.d.state.Events(c.r.Context(), filter)
	if err != nil {
		return err
	}
	documents := []eventDocument{}
	for _, e := range events {
		documents = append(documents, newEventDocument(e))
	}
	return c.json(http.StatusOK, documents)
}

// parseTime reads Unix seconds or one of the usual forms of a date.
func parseTime(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05", time.DateOnly,
		time.UnixDate, time.RFC1123, time.RFC1123Z,
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.Unix(), true
		}
	}
	return 0, false
}

func (c *call) event() error {
	missing := &plainError{status: http.StatusNotFound, text: "Event not found"}
	id, err := strconv.ParseInt(c.vars["id"], 10, 64)
	if err != nil {
		return missing
	}
	e, err := c.d.state.Event(c.r.Context(), id)
	if errors.Is(err, state.ErrNotFound) {
		return missing
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, newEventDocument(e))
}

func (c *call) postEvent() error {
	var wish struct {
		Timestamp  any            `json:"timestamp"`
		Action     string         `json:"action"`
		ObjectType string         `json:"object_type"`
		ObjectName string         `json:"object_name"`
		Deployment string         `json:"deployment"`
		Instance   string         `json:"instance"`
		Error      string         `json:"error"`
		Context    map[string]any `json:"context"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	for _, field := range []struct{ name, value string }{
		{"action", wish.Action}, {"object_type", wish.ObjectType}, {"object_name", wish.ObjectName},
	} {
		if field.value == "" {
			return fault.New(fault.InvalidType, "Invalid request: `%s` must be provided", field.name)
		}
	}
	at := time.Now().Unix()
	if wish.Timestamp != nil {
		given, ok := parseTime(fmt.Sprint(wish.Timestamp))
		if seconds, isNumber := wish.Timestamp.(float64); isNumber {
			given, ok = int64(seconds), true
		}
		if !ok {
			return fault.New(fault.InvalidType, "Invalid request: `timestamp` is not a time")
		}
		at = given
	}
	event := state.Event{
		Timestamp: at, User: c.who.User, Action: wish.Action, ObjectType: wish.ObjectType, ObjectName: wish.ObjectName,
		Deployment: wish.Deployment, Instance: wish.Instance, Error: wish.Error, Context: wish.Context,
	}
	if err := c.d.state.AddEvent(c.r.Context(), &event); err != nil {
		return err
	}
	c.text(http.StatusOK, "")
	return nil
}
