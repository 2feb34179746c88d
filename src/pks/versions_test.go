package pks

import (
	"strings"
	"testing"
)

func TestUpgradeGoesNeitherBackNorTooFar(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ from, to, fault string }{
		{"1.34.2", "1.34.2", ""},
		{"1.34.2", "1.34.10", ""},
		{"1.34.2", "1.35.0", ""},
		{"v1.34.2", "1.35.0-rc.1+x", ""},
		{"1.34.10", "1.34.2", "newer"},
		{"1.35.0", "1.34.9", "newer"},
		{"2.0.0", "1.34.9", "newer"},
		{"1.33.9", "1.35.0", "skip"},
		{"1.34.0", "2.0.0", "skip"},
		{"", "1.35.0", ""},
		{"1.33.0", "latest", ""},
		{"1.33", "1.39.0", ""},
		{"1.-3.0", "1.39.0", ""},
	} {
		err := Versions{Kubernetes: test.from}.CheckUpgrade(Versions{Kubernetes: test.to})
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%s to %s: %v, want %q", test.from, test.to, err, test.fault)
		}
	}
}
