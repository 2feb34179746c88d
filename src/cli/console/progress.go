package console

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Step is a piece of news about a running operation.
type Step struct {
	Subject string // the instance it is about; empty for the operation itself
	Percent int    // of the whole operation
	Line    string // to be read by itself
	Done    bool   // nothing more happens to the subject
}

// Progress shows how an operation goes. Close must be called.
type Progress interface {
	Show(Step)
	// Note says something beside the steps.
	Note(text string)
	// Close ends the display; full tells whether the operation came to its end.
	Close(full bool)
}

// Progress is a bar on a terminal, and one line per step otherwise. Both go to
// the error stream, so that results can be piped.
func (c *Console) Progress(title string) Progress {
	if !c.Live() {
		return &lines{out: c.err}
	}
	return newBar(c.err, title)
}

type lines struct{ out io.Writer }

func (l *lines) Show(s Step) {
	if s.Line != "" {
		_, _ = fmt.Fprintln(l.out, Clean(s.Line))
	}
}

func (l *lines) Note(text string) { _, _ = fmt.Fprintln(l.out, Clean(text)) }

func (l *lines) Close(bool) {}

// bar is one bar with the percentage, and below it the instances at work.
type bar struct {
	container *mpb.Progress
	bar       *mpb.Bar
	at        chan []string // holds the one current list of subjects
}

const (
	whole    = 100
	barWidth = 40
	maxShown = 4
)

func newBar(out io.Writer, title string) *bar {
	b := &bar{at: make(chan []string, 1)}
	b.at <- nil
	b.container = mpb.New(mpb.WithOutput(out), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
	b.bar = b.container.AddBar(whole,
		mpb.PrependDecorators(decor.Name(title+" "), decor.Percentage(decor.WCSyncSpace)),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_MMSS), decor.Any(b.subjects)),
	)
	return b
}

// subjects is drawn by the container's goroutine.
func (b *bar) subjects(decor.Statistics) string {
	at := <-b.at
	b.at <- at
	if len(at) == 0 {
		return ""
	}
	shown := at[:min(len(at), maxShown)]
	text := "  " + strings.Join(shown, ", ")
	if more := len(at) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (b *bar) Show(s Step) {
	if s.Percent > 0 && s.Percent < whole {
		b.bar.SetCurrent(int64(s.Percent))
	}
	if s.Subject == "" {
		return
	}
	subject := shorten(Clean(s.Subject))
	at := slices.DeleteFunc(slices.Clone(<-b.at), func(other string) bool { return other == subject })
	if !s.Done {
		at = append(at, subject)
	}
	b.at <- at
}

// Note is written above the bar.
func (b *bar) Note(text string) { _, _ = b.container.Write([]byte(Clean(text) + "\n")) }

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

func (b *bar) Close(full bool) {
	<-b.at
	b.at <- nil
	if full {
		b.bar.SetCurrent(whole)
	} else {
		b.bar.Abort(false)
	}
	b.container.Wait()
}
