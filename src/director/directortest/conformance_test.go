package directortest_test

import (
	"testing"

	"github.com/pks-community/pks-release/src/director/directortest"
)

func TestDirectorOfTheEnvironmentConforms(t *testing.T) {
	t.Parallel()
	target, ok, err := directortest.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Skip("BOSH_ENVIRONMENT and BOSH_CLIENT are not set")
	}
	directortest.Run(t, target)
}
