package console

import (
	"fmt"
	"io"
	"time"
)

// Step is a piece of news about a running operation.
type Step struct {
	Subject string    // what it is about: an instance or a cluster; empty for the operation itself
	State   string    // what is done to the subject, or has become of it
	At      time.Time // when that began or ended; zero for now
	Mark    Mark
	Percent int       // of the whole operation
	End     time.Time // when the operation is expected to end; zero while nobody knows
	Line    string    // to be read by itself
}

// Mark is how far a subject has come.
type Mark int

const (
	AtWork Mark = iota
	Waiting
	Done
	Failed
)

// Progress shows how an operation goes. Close must be called.
type Progress interface {
	Show(Step)
	// Note says something beside the steps.
	Note(text string)
	// Close ends the display; full tells whether the operation came to its end.
	Close(full bool)
}

// Progress is a bar with the subjects below it on a terminal, and one line per step otherwise. Both go to
// the error stream, so that results can be piped.
func (c *Console) Progress(title string) Progress {
	if !c.Live() {
		return &lines{out: c.err}
	}
	return newBar(c.err, title, c.height())
}

type lines struct{ out io.Writer }

func (l *lines) Show(s Step) {
	if s.Line != "" {
		_, _ = fmt.Fprintln(l.out, Clean(s.Line))
	}
}

func (l *lines) Note(text string) { _, _ = fmt.Fprintln(l.out, Clean(text)) }

func (l *lines) Close(bool) {}
