// Package console is the terminal: the only place of the command line that reads
// and writes the standard streams, asks questions, knows widths and colours.
package console
