package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

const manPages = "../../docs/reference/man"

// The pages of man(1) are what the commands say about themselves; UPDATE_SCRIPTS
// writes them.
func TestManPagesAreFresh(t *testing.T) {
	t.Parallel()
	got := manTree(t)
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.RemoveAll(manPages); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(manPages, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, page := range got {
			if err := os.WriteFile(filepath.Join(manPages, name), []byte(page), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(manPages)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]string{}
	for _, entry := range entries {
		page, err := os.ReadFile(filepath.Join(manPages, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		kept[entry.Name()] = string(page)
	}
	if diff := cmp.Diff(kept, got); diff != "" {
		t.Errorf("docs/reference/man is stale: run UPDATE_SCRIPTS=1 go test ./src/cli -run TestManPages\n%s", diff)
	}
}

// manTree makes a page for each command, by file name.
func manTree(t *testing.T) map[string]string {
	t.Helper()
	none := &bytes.Buffer{}
	root := newRoot(newFactory(System{Name: "pks", In: none, Out: none, Err: none, Getenv: func(string) string { return "" }}))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	root.Long += manSections()
	pages := map[string]string{}
	var write func(*cobra.Command)
	write = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" {
				write(sub)
			}
		}
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		day := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) // the same bytes every day
		var page bytes.Buffer
		header := doc.GenManHeader{Title: strings.ToUpper(name), Section: "1", Date: &day, Source: "PKS", Manual: "PKS command line"}
		if err := doc.GenMan(c, &header, &page); err != nil {
			t.Fatal(err)
		}
		pages[name+".1"] = page.String()
	}
	write(root)
	return pages
}

// manSections are what the page of the program itself has more than its help.
func manSections() string {
	var out strings.Builder
	out.WriteString("\n\n# EXIT STATUS\n")
	for _, e := range exitCodes() {
		fmt.Fprintf(&out, "**%d**\n\n: %s\n\n", e.code, e.meaning)
	}
	out.WriteString("# ENVIRONMENT\n")
	for _, v := range variables() {
		fmt.Fprintf(&out, "**%s**\n\n: %s\n\n", v.name, strings.ReplaceAll(v.effect, "`", "**"))
	}
	out.WriteString("# FILES\n**~/.pks/creds.yml**\n\n: the login; readable by its owner alone\n")
	return out.String()
}
