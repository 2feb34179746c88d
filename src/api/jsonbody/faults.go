package jsonbody

import "fmt"

// mostFaults keeps the answer short when an array is wrong from end to end.
const mostFaults = 10

// faults are the texts of what is wrong with one body.
type faults struct {
	texts []string
}

func (f *faults) add(format string, args ...any) {
	if len(f.texts) < mostFaults {
		f.texts = append(f.texts, fmt.Sprintf(format, args...))
	}
}
