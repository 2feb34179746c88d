package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/pks-community/pks-release/src/pks"
)

// ErrNoAnswer: the input ended before there was an answer.
var ErrNoAnswer = errors.New("no answer")

const tries = 3

// Confirm asks a question that ends in (y/n). Neither y nor n asks again, and in
// the end means no. Ask only when Interactive.
func (c *Console) Confirm(ctx context.Context, question string) (bool, error) {
	for range tries {
		answer, err := c.Line(ctx, question+" ")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		c.Notef("Please answer y or n.\n")
	}
	return false, nil
}

// Line asks for a line of text.
func (c *Console) Line(ctx context.Context, prompt string) (string, error) {
	c.Notef("%s", prompt)
	line, err := await(ctx, func() (string, error) {
		line, err := c.lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return "", ErrNoAnswer
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	})
	if err != nil {
		c.Notef("\n") // what comes next must not stand behind the prompt
	}
	return line, err
}

// Password asks for a text that must not be seen: the terminal stops echoing
// before the prompt shows, and a fixed number of stars stands for the answer
// (reference/pks-cli.md §11.6).
func (c *Console) Password(ctx context.Context, prompt string) (pks.Secret, error) {
	fd, ok := descriptor(c.in)
	if !ok || !term.IsTerminal(fd) {
		return "", ErrNoAnswer
	}
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", fmt.Errorf("prepare the terminal: %w", err)
	}
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{c.in, stars{c.err}}, "")
	typed, err := await(ctx, func() (string, error) { return terminal.ReadPassword(prompt) })
	if restored := term.Restore(fd, before); restored != nil {
		return "", fmt.Errorf("give the terminal back: %w", restored)
	}
	if err != nil {
		c.Notef("\n")
	}
	if errors.Is(err, io.EOF) { // Ctrl-C or Ctrl-D
		return "", ErrNoAnswer
	}
	return pks.Secret(typed), err
}

// stars takes the place of the line end that term.Terminal writes when the
// password is complete; but for it and the prompt it writes nothing.
type stars struct{ out io.Writer }

func (s stars) Write(p []byte) (int, error) {
	if string(p) != "\r\n" {
		return s.out.Write(p)
	}
	_, err := io.WriteString(s.out, "********\r\n")
	return len(p), err
}

// await returns what read reads, unless ctx ends first. A read of a terminal
// cannot be ended from outside, so its goroutine stays in the kernel until the
// process ends, which is what the caller is about to do.
func await[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
