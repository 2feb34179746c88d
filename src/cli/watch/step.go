package watch

import (
	"regexp"
	"strings"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/cli/console"
)

// step is one event for the display. BOSH's stages about single instances tell
// what is done to an instance; the others are the operation's own.
func step(event v1.Event) console.Step {
	s := console.Step{Percent: event.Percent, Line: line(event)}
	verb, known := verbs()[event.Stage]
	if !known || !strings.Contains(event.Subject, "/") {
		return s
	}
	s.Subject, _, _ = strings.Cut(event.Subject, " (") // the index and "canary"
	s.At, _ = time.Parse(time.RFC3339, event.Time)
	switch event.State {
	case "finished":
		s.Mark, s.State = console.Done, verb.done
	case "failed":
		s.Mark, s.State = console.Failed, "failed "+verb.doing
	default:
		s.State = verb.doing
		if detail := substep().FindStringSubmatch(event.Message); detail != nil && event.State == "in_progress" {
			s.State += ": " + detail[1]
		}
	}
	return s
}

// verb is what a stage does to an instance.
type verb struct{ doing, done string }

func verbs() map[string]verb {
	return map[string]verb{
		"Creating missing vms":        {"creating the VM", "VM created"},
		"Updating instance":           {"updating", "updated"},
		"Recreating instance":         {"recreating", "recreated"},
		"Deleting unneeded instances": {"deleting", "deleted"},
		"Deleting instances":          {"deleting", "deleted"},
		"Running errand":              {"running the errand", "errand done"},
	}
}

// substep finds the last part of "… in progress: executing drain (1 of 2, 68 %)".
func substep() *regexp.Regexp { return regexp.MustCompile(`in progress: (.+?)(?: \([^()]*%\))?$`) }

// line is one event for readers of a log. The message says the percentage itself.
// The failure of the operation itself is left to the outcome.
func line(event v1.Event) string {
	if event.State == "failed" && event.Stage == "" {
		return ""
	}
	message := event.Message
	if event.Stage == "" && event.BOSHTask != 0 && event.State == "" {
		// The Director warns without a stage.
		message = "Warning: " + strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(event.Message), ":"))
	}
	if at, err := time.Parse(time.RFC3339, event.Time); err == nil {
		return at.Local().Format(time.TimeOnly) + " " + message
	}
	return message
}
