package uaatest_test

import (
	"testing"

	"github.com/pks-community/pks-release/src/uaa/uaatest"
)

// TestRealUAAConforms runs the suite against the UAA that the environment names.
func TestRealUAAConforms(t *testing.T) {
	t.Parallel()
	target, given, err := uaatest.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	if !given {
		t.Skip("PKS_TEST_UAA_URL is not set")
	}
	uaatest.Run(t, target)
}
