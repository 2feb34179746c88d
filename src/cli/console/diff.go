package console

import "strings"

// DiffLine writes a line of a difference: change is added, removed or empty.
func (c *Console) DiffLine(text, change string) {
	sign, colour := "  ", ""
	switch change {
	case "added":
		sign, colour = "+ ", "\x1b[32m"
	case "removed":
		sign, colour = "- ", "\x1b[31m"
	}
	line := sign + cleanLine(text)
	if colour != "" && c.paints(c.out) {
		line = colour + line + "\x1b[0m"
	}
	c.result(strings.TrimRight(line, " ") + "\n")
}

// cleanLine is Clean for a line whose indentation matters.
func cleanLine(text string) string {
	rest := strings.TrimLeft(text, " ")
	return text[:len(text)-len(rest)] + Clean(rest)
}
