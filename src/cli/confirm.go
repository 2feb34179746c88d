package cli

import (
	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/cli/console"
)

// confirm asks before something that cannot be undone. Without a terminal nobody
// can answer, and the flag that makes the question needless is named. What is to
// be known before the answer comes as lines above the question.
func (f *factory) confirm(c *cobra.Command, question string, above ...string) error {
	if !f.console.Interactive() {
		return usagef(c, "There is no terminal to ask for confirmation on: give --non-interactive to go ahead.")
	}
	for _, line := range above {
		f.console.Notef("%s\n", console.Clean(line))
	}
	yes, err := f.console.Confirm(c.Context(), console.Clean(question))
	if err != nil {
		return err
	}
	if !yes {
		return errCancelled
	}
	return nil
}
