package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError: the command line itself is wrong. It ends in exit code 2.
type usageError struct {
	text    string
	command *cobra.Command // whose help to read; may be nil
}

func (e *usageError) Error() string { return e.text }

func usagef(c *cobra.Command, format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...), command: c}
}

// exactly wants the named arguments, no more and no less.
func exactly(f *factory, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		f.command = c
		if len(args) < len(names) {
			return usagef(c, "%s is missing: %s", names[len(args)], c.UseLine())
		}
		if len(args) > len(names) {
			return usagef(c, "%q is one argument too many: %s", args[len(names)], c.UseLine())
		}
		if empty := slices.Index(args, ""); empty >= 0 {
			return usagef(c, "%s is empty: %s", names[empty], c.UseLine())
		}
		return nil
	}
}

// flagError says in plain words what is wrong with a flag.
func (f *factory) flagError(c *cobra.Command, err error) error {
	f.command = c
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	flag := invalid.GetFlag()
	wanted := "a value of type " + flag.Value.Type()
	switch flag.Value.Type() {
	case "int", "int32":
		wanted = "a whole number"
	case "bool":
		wanted = "true or false"
	case "format":
		wanted = "one of " + strings.Join(forms(), ", ")
	case "expression":
		wanted = "a jq expression: " + invalid.Unwrap().Error()
	}
	return usagef(c, "--%s %q is not %s.", flag.Name, invalid.GetValue(), wanted)
}

// Help texts of flags that many commands have (reference/pks-cli.md §2).
const (
	jsonHelp           = "Return the PKS-API output as json"
	waitHelp           = "Wait for the operation to finish"
	nonInteractiveHelp = "Don't ask for user input"
)

// clusterName is how usage lines call the argument.
const clusterName = "CLUSTER-NAME"

// atMost wants the named argument or nothing.
func atMost(f *factory, name string) cobra.PositionalArgs {
	one, none := exactly(f, name), exactly(f)
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return none(c, args)
		}
		return one(c, args)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
