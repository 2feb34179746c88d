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

// coloured follows https://no-color.org and CLICOLOR.
func (c *Console) coloured() bool {
	return isTerminal(c.err) && c.getenv("TERM") != "dumb" && c.getenv("NO_COLOR") == "" && c.getenv("CLICOLOR") != "0"
}
