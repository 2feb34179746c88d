package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/cli/watch"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

func testFactory() *factory {
	none := &bytes.Buffer{}
	return newFactory(System{Name: "pks", In: none, Out: none, Err: none, Getenv: func(string) string { return "" }})
}

// Every failure of the catalogue ends in its exit code, shown with its remedy.
func TestCatalogueDecidesExitCodes(t *testing.T) {
	t.Parallel()
	for _, entry := range pks.Catalogue() {
		err := &apiclient.Error{Status: entry.Status, Body: "What.", Code: entry.Code, Remedy: entry.Remedy}
		got := testFactory().describe(t.Context(), fmt.Errorf("wrapped: %w", err))
		if got.exit != entry.Exit {
			t.Errorf("%s ends in %d, want %d", entry.Code, got.exit, entry.Exit)
		}
		if entry.Status != 401 && (got.what != "What." || got.hints[0] != entry.Remedy) {
			t.Errorf("%s shows %q, %q", entry.Code, got.what, got.hints)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	detached := func(err error) error {
		return &watch.DetachedError{Name: "demo", Action: pks.ActionCreate, Err: err}
	}
	for name, c := range map[string]struct {
		err  error
		exit int
		what string
	}{
		"403 of another make":     {&apiclient.Error{Status: 403, Body: "No."}, 4, "No."},
		"404 of another make":     {&apiclient.Error{Status: 404, Body: "No."}, 3, "No."},
		"409 of another make":     {&apiclient.Error{Status: 409, Body: "No."}, 5, "No."},
		"400 of another make":     {&apiclient.Error{Status: 400, Body: "No."}, 1, "No."},
		"code of the future":      {&apiclient.Error{Status: 409, Body: "No.", Code: "new"}, 5, "No."},
		"not logged in":           {session.ErrNotLoggedIn, 4, "You are not currently authenticated. Please log in to continue"},
		"rejected":                {&uaa.Error{Kind: uaa.ErrCredentialsRejected}, 4, "Credentials were rejected, please try again."},
		"expired":                 {&uaa.Error{Kind: uaa.ErrSessionExpired}, 4, "You are not currently authenticated. Please log in to continue"},
		"UAA is busy":             {&uaa.Error{Kind: uaa.ErrUnavailable, URL: "https://u"}, 1, "UAA at https://u cannot serve the request now."},
		"UAA refuses":             {&uaa.Error{Kind: uaa.ErrRequestRefused, Description: "Unauthorized grant type"}, 4, "UAA refused the login: Unauthorized grant type"},
		"no UAA":                  {&uaa.Error{Kind: uaa.ErrNotUAA, URL: "https://u", Status: 200}, 1, "https://u does not answer like a UAA."},
		"wrong name":              {&apiclient.UnreachableError{URL: "https://a", Trouble: apiclient.TroubleWrongName, Err: errors.New("x")}, 1, "The certificate of the API at https://a is for another host: x."},
		"bad certificate":         {&apiclient.UnreachableError{URL: "https://a", Trouble: apiclient.TroubleCertificate, Err: errors.New("x")}, 1, "The certificate of the API at https://a is not good: x."},
		"not an API":              {&apiclient.NotAPIError{URL: "https://a/v1/plans", Reason: "its answer is not JSON"}, 1, "https://a/v1/plans does not answer like a PKS API: its answer is not JSON"},
		"operation failed":        {&watch.FailedError{Cluster: v1.Cluster{Name: "demo", LastAction: "CREATE"}}, 1, "The last action on cluster demo, CREATE, has failed"},
		"interrupted":             {context.Canceled, 2, "Cancelled."},
		"no":                      {errCancelled, 2, "Cancelled."},
		"no answer":               {console.ErrNoAnswer, 2, "There was no answer; nothing is done."},
		"interrupted while watch": {detached(context.Canceled), 2, "Stopped watching: the creation of cluster demo goes on."},
		"session ended in watch":  {detached(session.ErrNotLoggedIn), 4, "You are not currently authenticated. Please log in to continue"},
		"superseded":              {detached(watch.ErrSuperseded), 5, "Another operation on cluster demo has begun."},
		"deleted in watch":        {detached(&apiclient.Error{Status: 404, Body: "Cluster demo not found"}), 3, "Cluster demo not found"},
		"anything else":           {errors.New("disk full"), 1, "disk full"},
	} {
		got := testFactory().describe(t.Context(), fmt.Errorf("doing: %w", c.err))
		if name == "anything else" {
			c.what = "doing: " + c.what
		}
		if diff := cmp.Diff([]any{c.exit, c.what}, []any{got.exit, got.what}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestServerTroubleNamesTheRequest(t *testing.T) {
	t.Parallel()
	got := testFactory().describe(t.Context(), &apiclient.Error{Status: 500, Body: "Oops.", Code: pks.CodeInternal, RequestID: "r-9", OperationID: "op-1"})
	if diff := cmp.Diff([]string{"", "The request id is r-9."}, got.hints); diff != "" {
		t.Error(diff)
	}
	busy := testFactory().describe(t.Context(), &apiclient.Error{Status: 409, Body: "Busy.", Code: pks.CodeOperationInProgress, OperationID: "op-1"})
	if diff := cmp.Diff([]string{"", "The operation in the way is op-1."}, busy.hints); diff != "" {
		t.Error(diff)
	}
}

func TestChangesWithoutAnAnswerMayHaveBeenAccepted(t *testing.T) {
	t.Parallel()
	slow := &apiclient.UnreachableError{URL: "https://a", Trouble: apiclient.TroubleTimeout, Err: context.DeadlineExceeded}
	refused := &apiclient.UnreachableError{URL: "https://a", Trouble: apiclient.TroubleConnection, Err: errors.New("refused")}
	for err, want := range map[error]bool{context.Canceled: true, slow: true, refused: false} {
		got := testFactory().describe(t.Context(), changing("demo", err))
		said := slices.Contains(got.hints, "The request may have been accepted all the same: see 'pks cluster demo'.")
		if said != want {
			t.Errorf("%v: %q", err, got.hints)
		}
	}
}

// Commands, their aliases, flags and shorthands are a promise to scripts
// (reference/pks-cli.md §4–§9): testdata/commands.golden lists them.
func TestCommandTree(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, c := range newRoot(testFactory()).Commands() {
		fmt.Fprintln(&got, strings.Join(append([]string{c.Name()}, c.Aliases...), " "))
		for _, flag := range flagsOf(c) {
			fmt.Fprintln(&got, "  "+flag)
		}
	}
	golden(t, "commands.golden", got.String())
}

// golden compares with a file of testdata; UPDATE_SCRIPTS writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func flagsOf(c *cobra.Command) []string {
	var flags []string
	c.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) {
		name := flag.Name
		if flag.Shorthand != "" {
			name = "-" + flag.Shorthand + " --" + name
		} else {
			name = "--" + name
		}
		name += " " + flag.Value.Type()
		flags = append(flags, name)
	})
	slices.Sort(flags)
	return flags
}
