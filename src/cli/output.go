package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/pks-community/pks-release/src/cli/console"
)

// Forms in which a command can show its result.
const (
	formJSON = "json"
	formYAML = "yaml"
	formWide = "wide"
	formName = "name"
)

// output is how the user wants the result.
type output struct {
	json  bool // --json: the API's answer unchanged
	form  form
	query query
}

// form is a flag that knows its values.
type form string

func forms() []string { return []string{formJSON, formYAML, formWide, formName} }

func (f *form) String() string { return string(*f) }
func (f *form) Type() string   { return "format" }
func (f *form) Set(text string) error {
	if !slices.Contains(forms(), text) {
		return errors.New("unknown format")
	}
	*f = form(text)
	return nil
}

// query is a flag that holds a jq expression.
type query struct {
	text string
	code *gojq.Code
}

func (q *query) String() string { return q.text }
func (q *query) Type() string   { return "expression" }
func (q *query) Set(text string) error {
	parsed, err := gojq.Parse(text)
	if err != nil {
		return err
	}
	q.code, err = gojq.Compile(parsed)
	q.text = text
	return err
}

// outputFlags gives the command --json, -o and --query.
func (f *factory) outputFlags(c *cobra.Command) *output {
	var o output
	c.Flags().BoolVar(&o.json, "json", false, jsonHelp)
	c.Flags().VarP(&o.form, "output", "o", "Format of the result: "+strings.Join(forms(), ", "))
	c.Flags().Var(&o.query, "query", "Show what a jq expression makes of the JSON result")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms(), cobra.ShellCompDirectiveNoFileComp))
	return &o
}

// machine tells whether the result is for programs: nothing else may be written
// among it.
func (o *output) machine() bool {
	return o.json || o.query.code != nil || o.form == formJSON || o.form == formYAML || o.form == formName
}

// show writes an answer of the API as the user wants it; plain writes the layout
// for people.
func (f *factory) show(ctx context.Context, o *output, raw json.RawMessage, plain func()) error {
	switch {
	case o.query.code != nil:
		return f.showQuery(ctx, o.query, raw)
	case o.json || o.form == formJSON:
		return f.console.JSON(raw)
	case o.form == formYAML:
		text, err := yaml.JSONToYAML(raw)
		if err != nil {
			return fmt.Errorf("write the result as YAML: %w", err)
		}
		f.console.Printf("%s", text)
	case o.form == formName:
		return f.showNames(raw)
	default:
		plain()
	}
	return nil
}

// showQuery writes texts bare and everything else as JSON, a line for each value.
func (f *factory) showQuery(ctx context.Context, q query, raw json.RawMessage) error {
	var input any
	if err := json.Unmarshal(raw, &input); err != nil {
		return fmt.Errorf("read the result: %w", err)
	}
	values := q.code.RunWithContext(ctx, input)
	for {
		value, more := values.Next()
		if !more {
			return nil
		}
		if err, failed := value.(error); failed {
			return fmt.Errorf("--query: %w", err)
		}
		text, bare := value.(string)
		if !bare {
			encoded, err := gojq.Marshal(value)
			if err != nil {
				return fmt.Errorf("--query: %w", err)
			}
			text = string(encoded)
		}
		f.console.Printf("%s\n", text)
	}
}

// showNames writes what a thing is called elsewhere on the command line.
func (f *factory) showNames(raw json.RawMessage) error {
	type named struct{ Name, Owner, UUID, ID string }
	var things []named
	if err := json.Unmarshal(raw, &things); err != nil {
		var one named
		if err := json.Unmarshal(raw, &one); err != nil {
			return fmt.Errorf("read the names in the result: %w", err)
		}
		things = []named{one}
	}
	for _, thing := range things {
		f.console.Printf("%s\n", console.Clean(cmp.Or(thing.Name, thing.Owner, thing.UUID, thing.ID)))
	}
	return nil
}

// showTable shows a list; the last wide of its columns are for -o wide.
func (f *factory) showTable(ctx context.Context, o *output, raw json.RawMessage, wide int, header []string, rows [][]string) error {
	return f.show(ctx, o, raw, func() {
		if o.form != formWide {
			header = header[:len(header)-wide]
			for i := range rows {
				rows[i] = rows[i][:len(header)]
			}
		}
		f.console.Table(header, rows)
	})
}
