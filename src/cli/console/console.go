package console

import (
	"bufio"
	"fmt"
	"io"

	"golang.org/x/term"
)

// Console is the three streams of the process. Not safe for concurrent use.
type Console struct {
	in     io.Reader
	lines  *bufio.Reader // over in: what one question read ahead is the next one's
	out    io.Writer
	err    io.Writer
	getenv func(string) string
	lost   error // the first write of a result that failed
}

// New takes the streams as they are; nothing is read or written yet.
func New(in io.Reader, out, err io.Writer, getenv func(string) string) *Console {
	return &Console{in: in, lines: bufio.NewReader(in), out: out, err: err, getenv: getenv}
}

// Out is for results.
func (c *Console) Out() io.Writer { return c.out }

// Err is for everything else: progress, warnings, errors.
func (c *Console) Err() io.Writer { return c.err }

// Printf writes a result. Every text from outside must have gone through Clean.
func (c *Console) Printf(format string, args ...any) { c.result(fmt.Sprintf(format, args...)) }

// Lost is why a result did not arrive: a full disk, say.
func (c *Console) Lost() error { return c.lost }

func (c *Console) result(text string) {
	if _, err := io.WriteString(c.out, text); err != nil && c.lost == nil {
		c.lost = fmt.Errorf("the output could not be written: %w", err)
	}
}

// Notef writes what is not a result.
func (c *Console) Notef(format string, args ...any) { _, _ = fmt.Fprintf(c.err, format, args...) }

// Interactive tells whether there is somebody to ask.
func (c *Console) Interactive() bool { return isTerminal(c.in) }

// narrowest is the width below which a bar says nothing.
const narrowest = 40

// Live tells whether lines on the error stream can be drawn over: on a terminal
// that knows its size. Some, such as those of containers and build servers, are
// of no size at all, and nothing drawn there would show.
func (c *Console) Live() bool { return c.height() > 0 }

// height is how many lines can be drawn over; 0 for none.
func (c *Console) height() int {
	fd, ok := descriptor(c.err)
	if !ok || c.getenv("TERM") == "dumb" {
		return 0
	}
	width, height, err := term.GetSize(fd)
	if err != nil || width < narrowest {
		return 0
	}
	return height
}

func isTerminal(stream any) bool {
	fd, ok := descriptor(stream)
	return ok && term.IsTerminal(fd)
}

func descriptor(stream any) (int, bool) {
	f, ok := stream.(interface{ Fd() uintptr })
	if !ok {
		return 0, false
	}
	return int(f.Fd()), true // descriptors are small
}
