package console

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/mattn/go-runewidth"
)

const (
	mostRows = 12
	spared   = 4 // lines of a terminal that are left to the bar, a note and the prompt
)

// rows is the table of subjects below a bar, in the order they came.
type rows struct {
	most int
	all  []row
}

type row struct {
	subject, state string
	mark           Mark
	began, ended   time.Time // zero: not yet
}

// take puts what a step tells into the subject's row.
func (r *rows) take(s Step, now time.Time) {
	at := s.At
	if at.IsZero() || at.After(now) {
		at = now
	}
	subject := shorten(Clean(s.Subject))
	i := slices.IndexFunc(r.all, func(known row) bool { return known.subject == subject })
	if i < 0 {
		i = len(r.all)
		r.all = append(r.all, row{subject: subject})
	}
	known := &r.all[i]
	known.state, known.mark = Clean(s.State), s.Mark
	switch s.Mark {
	case AtWork:
		if known.began.IsZero() || !known.ended.IsZero() {
			known.began, known.ended = at, time.Time{}
		}
	case Done, Failed:
		known.ended = at
	}
}

// stop ends the clocks of what is at work: nobody watches any more.
func (r *rows) stop(now time.Time) {
	for i := range r.all {
		if r.all[i].mark == AtWork && r.all[i].ended.IsZero() {
			r.all[i].ended = now
		}
	}
}

// write draws as many rows as there is room for: those at work before those that
// failed, those before what waits, and what is done last.
func (r *rows) write(out io.Writer, width int, now time.Time) error {
	shown := r.all
	if len(shown) > r.most {
		shown = r.urgent()
	}
	wide, stateWide := 0, 0
	for _, row := range shown {
		wide = max(wide, runewidth.StringWidth(row.subject))
		stateWide = max(stateWide, runewidth.StringWidth(row.state))
	}
	var text strings.Builder
	line := func(s string) {
		text.WriteString(strings.TrimRight(runewidth.Truncate(s, max(1, width-1), "…"), " ") + "\n")
	}
	for _, row := range shown {
		line("  " + row.mark.sign() + " " + pad(row.subject, wide) + "  " + pad(row.state, stateWide) + "  " + row.took(now))
	}
	if more := len(r.all) - len(shown); more > 0 {
		line(fmt.Sprintf("    and %d more", more))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// urgent are the rows that matter most, in the order they came.
func (r *rows) urgent() []row {
	order := make([]int, len(r.all))
	for i := range order {
		order[i] = i
	}
	urgency := map[Mark]int{AtWork: 0, Failed: 1, Waiting: 2, Done: 3}
	slices.SortStableFunc(order, func(a, b int) int { return urgency[r.all[a].mark] - urgency[r.all[b].mark] })
	order = order[:r.most]
	slices.Sort(order)
	shown := make([]row, 0, len(order))
	for _, i := range order {
		shown = append(shown, r.all[i])
	}
	return shown
}

func (m Mark) sign() string {
	switch m {
	case Waiting:
		return "·"
	case Done:
		return "✓"
	case Failed:
		return "✗"
	}
	return "▸"
}

// took is how long the subject has been at work: minutes and seconds.
func (r row) took(now time.Time) string {
	if r.began.IsZero() {
		return ""
	}
	end := r.ended
	if end.IsZero() {
		end = now
	}
	seconds := int(max(0, end.Sub(r.began)).Round(time.Second).Seconds())
	return fmt.Sprintf("%02d:%02d", seconds/60, seconds%60)
}

// shorten leaves of an instance's UUID what tells it from its neighbours.
func shorten(subject string) string {
	words := strings.Split(subject, "/")
	for i, word := range words {
		id, rest, _ := strings.Cut(word, " ")
		if uuid.Validate(id) == nil {
			words[i] = strings.TrimSpace(id[:8] + " " + rest)
		}
	}
	return strings.Join(words, "/")
}
