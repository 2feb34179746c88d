package console_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/cli/console"
)

func piped(input string) (c *console.Console, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return console.New(strings.NewReader(input), out, errs, func(string) string { return "" }), out, errs
}

func TestTableIsAsWideAsItsCells(t *testing.T) {
	t.Parallel()
	c, out, _ := piped("")
	c.Table([]string{"Name", "ID", "Description"}, [][]string{{"größe", "", "wide"}, {"日本", "1", ""}, {"evil\x1b[2J", "2\n", "x"}})
	const want = "Name      ID  Description\ngröße         wide\n日本      1\nevil?[2J  2   x\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestBlockPadsLabels(t *testing.T) {
	t.Parallel()
	c, out, _ := piped("")
	c.Block([]console.Field{{Label: "Name", Value: "demo"}, {Label: "Last Action Description", Value: "a\nb\x00"}, {Label: "Tags"}})
	const want = "Name:                     demo\nLast Action Description:  a b?\nTags:\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPipesAreNotTerminals(t *testing.T) {
	t.Parallel()
	c, out, errs := piped("")
	if c.Interactive() || c.Live() {
		t.Error("a buffer is taken for a terminal")
	}
	if _, err := c.Password(t.Context(), "Password: "); !errors.Is(err, console.ErrNoAnswer) {
		t.Errorf("the error is %v", err)
	}
	c.Fail("it broke\x1b[0m", "", "mend it")
	if got := errs.String(); got != "Error: it broke?[0m\nmend it\n" {
		t.Errorf("it shows %q", got)
	}
	if err := c.JSON([]byte(`{"b":1, "a":"\u001b"}`)); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "{\"b\":1, \"a\":\"\\u001b\"}\n" {
		t.Errorf("JSON came out as %q", got)
	}
	p := c.Progress("title")
	p.Show(console.Step{Line: "one", Percent: 1})
	p.Show(console.Step{Subject: "no line"})
	p.Note("two\n")
	p.Close(true)
	if got := strings.TrimPrefix(errs.String(), "Error: it broke?[0m\nmend it\n"); got != "one\ntwo \n" {
		t.Errorf("progress shows %q", got)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]bool{
		"y\n": true, "Y\r\n": true, " yes \n": true, "y": true,
		"n\n": false, "no\n": false, "\n\n\n": false, "maybe\nwhat\ny\n": true, "a\nb\nc\ny\n": false,
	} {
		c, _, _ := piped(input)
		got, err := c.Confirm(t.Context(), "Sure? (y/n)")
		if err != nil || got != want {
			t.Errorf("%q: %t, %v", input, got, err)
		}
	}
	c, _, _ := piped("")
	if _, err := c.Confirm(t.Context(), "Sure? (y/n)"); !errors.Is(err, console.ErrNoAnswer) {
		t.Errorf("the error is %v", err)
	}
}

func TestQuestionsEndWithTheContext(t *testing.T) {
	t.Parallel()
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := console.New(in, &bytes.Buffer{}, &bytes.Buffer{}, os.Getenv)
	if _, err := c.Line(ctx, "Username: "); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if err := errors.Join(feed.Close(), in.Close()); err != nil {
		t.Error(err)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b]0;title\a\x9b2J\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range console.Clean(text) {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u2028' {
				t.Errorf("%q became %q", text, console.Clean(text))
			}
		}
	})
}
