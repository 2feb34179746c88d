package console

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// labelWidth is that of the cluster block (reference/pks-cli.md §11.1).
const labelWidth = 26

// Field is a line of a block.
type Field struct{ Label, Value string }

// Block writes one line per field: the label, padded, and the value.
func (c *Console) Block(fields []Field) {
	var out strings.Builder
	for _, f := range fields {
		out.WriteString(strings.TrimRight(pad(f.Label+":", labelWidth)+Clean(f.Value), " "))
		out.WriteByte('\n')
	}
	c.result(out.String())
}

// Table writes a header and rows; columns are two spaces apart and as wide as
// their widest cell (reference/pks-cli.md §11.3).
func (c *Console) Table(header []string, rows [][]string) {
	all := make([][]string, 0, len(rows)+1)
	all = append(all, header)
	widths := make([]int, len(header))
	for _, row := range rows {
		clean := make([]string, len(row))
		for i, cell := range row {
			clean[i] = Clean(cell)
		}
		all = append(all, clean)
	}
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	var out strings.Builder
	for _, row := range all {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = pad(cell, widths[i])
		}
		out.WriteString(strings.TrimRight(strings.Join(cells, "  "), " "))
		out.WriteByte('\n')
	}
	c.result(out.String())
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-runewidth.StringWidth(text)))
}
