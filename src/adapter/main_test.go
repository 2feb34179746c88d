package adapter_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain lets each property hold for fewer cases than the library's default
// hundred, unless told otherwise: each builds whole manifests.
func TestMain(m *testing.M) {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "rapid.checks" })
	if !told {
		if err := flag.Set("rapid.checks", "20"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
