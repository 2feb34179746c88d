package pks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

func TestBasicCredentialsMatchThemselvesAlone(t *testing.T) {
	t.Parallel()
	right := pks.BasicCredentials{Username: "broker", Password: "päss word:x"}
	for _, c := range []struct {
		credentials        pks.BasicCredentials
		username, password string
		want               bool
	}{
		{right, "broker", "päss word:x", true},
		{right, "broker", "päss word:", false},
		{right, "broker", "päss word:xx", false},
		{right, "broker", "PÄSS WORD:X", false},
		{right, "Broker", "päss word:x", false},
		{right, "broker", "", false},
		{right, "", "päss word:x", false},
		{right, "brokerpäss word:x", "", false},
		{right, "", "", false},
		{pks.BasicCredentials{}, "", "", false},
		{pks.BasicCredentials{Username: "broker"}, "broker", "", false},
		{pks.BasicCredentials{Password: "x"}, "", "x", false},
	} {
		if got := c.credentials.Match(c.username, c.password); got != c.want {
			t.Errorf("%q %q against %q: %t", c.username, c.password, c.credentials.Username, got)
		}
	}
}

// A comparison that stops at the first difference is some thousand times faster
// for a password that differs in the first character than for one that differs in
// the last.
func TestTimeOfAComparisonTellsNothingOfThePassword(t *testing.T) {
	t.Parallel()
	const length = 1 << 18
	secret := strings.Repeat("x", length)
	credentials := pks.BasicCredentials{Username: secret, Password: pks.Secret(secret)}
	quickest := func(username, password string) time.Duration {
		best := time.Hour
		for range 30 {
			began := time.Now()
			credentials.Match(username, password)
			best = min(best, time.Since(began))
		}
		return best
	}
	early, late := "y"+secret[1:], secret[1:]+"y"
	right := quickest(secret, secret)
	for name, took := range map[string]time.Duration{
		"user name wrong from the first character": quickest(early, secret),
		"password wrong from the first character":  quickest(secret, early),
		"password wrong in the last character":     quickest(secret, late),
		"both wrong from the first character":      quickest(early, early),
	} {
		if took > 2*right || right > 2*took {
			t.Errorf("%s: %s, the right credentials %s", name, took, right)
		}
	}
}
