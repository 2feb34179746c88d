package console

// Fail writes an error as one line that says what is wrong, and one line for each
// hint: why, and what to do.
func (c *Console) Fail(what string, hints ...string) {
	label := "Error:"
	if c.coloured() {
		label = "\x1b[1;31mError:\x1b[0m"
	}
	c.Notef("%s %s\n", label, Clean(what))
	for _, hint := range hints {
		if hint != "" {
			c.Notef("%s\n", Clean(hint))
		}
	}
}

// coloured tells whether errors are shown in colour.
func (c *Console) coloured() bool { return c.paints(c.err) }

// paints follows https://no-color.org and CLICOLOR.
func (c *Console) paints(stream any) bool {
	return isTerminal(stream) && c.getenv("TERM") != "dumb" && c.getenv("NO_COLOR") == "" && c.getenv("CLICOLOR") != "0"
}
