package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

const stepFinished = "finished"

// taskEvents are the lines of BOSH tasks as they are shown. The broker tells how
// much of the operation is done after the last of them; each finished step gets
// its share of the way from before to after.
func taskEvents(news osb.Progress, before, after int) []pks.Event {
	finished := 0
	for _, e := range news.Events {
		if e.State == stepFinished {
			finished++
		}
	}
	events := make([]pks.Event, 0, len(news.Events))
	percent, done := before, 0
	for _, e := range news.Events {
		if e.State == stepFinished {
			done++
			percent = before + (after-before)*done/finished
		}
		events = append(events, pks.Event{
			Time: time.Unix(e.Time, 0).UTC(), BOSHTask: news.TaskID,
			Stage: printable(e.Stage), Subject: printable(e.Task), State: printable(e.State), Percent: percent,
			Message: line(e, percent),
		})
	}
	return events
}

// line is an event as people read it:
//
//	Updating instance worker/5f0c… (0) finished (3 of 5, 60 %)
func line(e osb.ProgressEvent, percent int) string {
	words := make([]string, 0, 3)
	for _, word := range []string{e.Stage, e.Task, strings.ReplaceAll(e.State, "_", " ")} {
		// BOSH names a stage's only step like the stage.
		if word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	text := strings.Join(words, " ")
	switch {
	case e.Error != "":
		return printable(text + ": " + e.Error)
	case e.Message != "":
		text += ": " + e.Message
	}
	// BOSH counts some steps beyond the total that it announced.
	if e.Total > 1 && e.Index <= e.Total {
		return printable(fmt.Sprintf("%s (%d of %d, %d %%)", text, e.Index, e.Total, percent))
	}
	return printable(fmt.Sprintf("%s (%d %%)", text, percent))
}

// maxLine bounds a line, in bytes.
const maxLine = 4 << 10

// printable makes one line of a text from outside, which cannot move a cursor,
// nor fill a database.
func printable(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text))
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "…"
	}
	return text
}
