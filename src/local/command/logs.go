package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

const followEvery = 250 * time.Millisecond

func newLogs(layout layoutFunc) *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use:   "logs [PROGRAM]",
		Short: "Print the logs of pks-local, pks-broker and pks-api, or of one of them",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("name one program, or none for all")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			l, err := layout()
			if err != nil {
				return err
			}
			programs, err := loggedPrograms(l)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if !slices.Contains(programs, args[0]) {
					return usageError{fmt.Errorf("%q has no log: choose one of %s", args[0], strings.Join(programs, ", "))}
				}
				programs = args
			}
			tails := make([]*tail, 0, len(programs))
			for _, p := range programs {
				tails = append(tails, &tail{path: l.Log(p)})
			}
			return printLogs(c.Context(), c.OutOrStdout(), tails, follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing what is added")
	return c
}

func loggedPrograms(l stack.Layout) ([]string, error) {
	files, err := os.ReadDir(filepath.Dir(l.Log("any")))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for logs: %w", err)
	}
	var programs []string
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".log"); ok {
			programs = append(programs, name)
		}
	}
	if len(programs) == 0 {
		return nil, fmt.Errorf("there are no logs in %s yet: start the stack with 'pks-local up'", l.Dir)
	}
	return programs, nil
}

func printLogs(ctx context.Context, out io.Writer, tails []*tail, follow bool) error {
	last := ""
	for {
		for _, t := range tails {
			text, err := t.next()
			if err != nil {
				return err
			}
			if len(text) == 0 {
				continue
			}
			if len(tails) > 1 && last != t.path {
				fmt.Fprintf(out, "==> %s <==\n", strings.TrimSuffix(filepath.Base(t.path), ".log"))
				last = t.path
			}
			if _, err := out.Write(text); err != nil {
				return err
			}
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// tail reads what is new in a file since the last look. A file that has become
// shorter was set aside and begun anew.
type tail struct {
	path   string
	offset int64
}

func (t *tail) next() ([]byte, error) {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if info.Size() < t.offset {
		t.offset = 0
	}
	text, err := io.ReadAll(io.NewSectionReader(f, t.offset, info.Size()-t.offset))
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	t.offset += int64(len(text))
	return text, nil
}
