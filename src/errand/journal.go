package errand

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
)

// mostOutput bounds what is told of the progress: a BOSH agent hands on no output
// above 1 MB (reference/bosh-release.md §8), and the end has to be in it.
const mostOutput = 700 << 10

// Journal writes the lines of an errand: its name in brackets, the time in UTC and
// the text (reference/on-demand-broker.md §5). It is safe for concurrent use.
type Journal struct {
	name           string
	stdout, stderr io.Writer
	now            func() time.Time

	mu      sync.Mutex
	written int
	left    int // lines that were left out
}

// NewJournal makes one that writes to these.
func NewJournal(name string, stdout, stderr io.Writer) *Journal {
	return &Journal{name: name, stdout: stdout, stderr: stderr, now: time.Now}
}

// Say tells of progress. Past a bound it is left out.
func (j *Journal) Say(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := j.line(fmt.Sprintf(format, args...))
	if j.written += len(line); j.written > mostOutput {
		if j.left++; j.left == 1 {
			_, _ = io.WriteString(j.stdout, j.line("Further lines are left out here: BOSH takes no longer output. The end follows."))
		}
		return
	}
	_, _ = io.WriteString(j.stdout, line)
}

// Conclude tells how it ended, always.
func (j *Journal) Conclude(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = io.WriteString(j.stdout, j.line(fmt.Sprintf(format, args...)))
}

// Complain tells what went wrong.
func (j *Journal) Complain(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = io.WriteString(j.stderr, j.line(text))
}

// line is one line whatever the text holds: parts of it come from afar.
func (j *Journal) line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.TrimSpace(text))
	return fmt.Sprintf("[%s] %s %s\n", j.name, j.now().UTC().Format("2006/01/02 15:04:05"), text)
}
