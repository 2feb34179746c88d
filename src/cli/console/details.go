package console

import "strings"

// Detail is a setting with its name for people and for programs.
type Detail struct{ Label, Key, Value string }

// Widths are those of the columns of details.
type Widths struct{ label, key int }

// DetailWidths makes room for the labels and keys of details.
func DetailWidths(details []Detail) Widths {
	var w Widths
	for _, d := range details {
		w.label, w.key = max(w.label, len(d.Label)), max(w.key, len(d.Key))
	}
	return w
}

// Details writes one line per setting: label, key and value
// (reference/pks-cli.md §11.2).
func (c *Console) Details(w Widths, details []Detail) {
	var out strings.Builder
	for _, d := range details {
		out.WriteString("  " + pad(d.Label, w.label) + "  " + pad("("+d.Key+"):", w.key+3) + "  " + Clean(d.Value) + "\n")
	}
	c.result(out.String())
}
