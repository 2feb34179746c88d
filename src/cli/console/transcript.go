package console

// Transcript says lines one by one while a progress is shown. They are results,
// for scripts to read, unless quiet; a terminal that shows a live progress gets
// them above it.
func (c *Console) Transcript(progress Progress, quiet bool) func(line string) {
	return func(line string) {
		switch {
		case progress != nil && (quiet || c.Live() && isTerminal(c.out)):
			progress.Note(line)
		case quiet:
			c.Notef("%s\n", Clean(line))
		default:
			c.Printf("%s\n", Clean(line))
		}
	}
}
