package console

import "strings"

// Branch is a line of a tree. Bad ones are marked.
type Branch struct {
	Text  string
	Bad   bool
	Below []Branch
}

// Branches writes a tree.
func (c *Console) Branches(root Branch) {
	var out strings.Builder
	out.WriteString(Clean(root.Text) + "\n")
	c.branches(&out, root.Below, "")
	c.result(out.String())
}

func (c *Console) branches(out *strings.Builder, below []Branch, indent string) {
	for i, b := range below {
		joint, deeper := "├─ ", "│  "
		if i == len(below)-1 {
			joint, deeper = "└─ ", "   "
		}
		mark, text := "", Clean(b.Text)
		if b.Bad {
			mark = "! "
			if c.paints(c.out) {
				text = "\x1b[31m" + text + "\x1b[0m"
			}
		}
		out.WriteString(indent + joint + mark + text + "\n")
		c.branches(out, b.Below, indent+deeper)
	}
}
