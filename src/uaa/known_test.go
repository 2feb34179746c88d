package uaa

import (
	"strings"
	"testing"
	"time"
)

func TestKnownTokensAreThoseVerifiedBefore(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := &fixedClock{now: now}
	v := newTestVerifier(t, newFake(keyOne()), func(c *VerifierConfig) { c.Now = clock.read })
	good := mint(t, "key-1", jwtHeader(), userClaims(now).with("exp", now.Add(time.Minute).Unix()))
	bad := mint(t, "key-1", jwtHeader(), userClaims(now).with("exp", now.Add(-time.Hour).Unix()))
	if v.Known(good) {
		t.Error("a token is known before it was ever seen")
	}
	for _, raw := range []string{good, bad} {
		_, _ = verify(t, v, raw)
	}
	for raw, want := range map[string]bool{good: true, bad: false, "": false, "garbage": false, strings.Repeat("a.", 1<<20): false} {
		if got := v.Known(raw); got != want {
			t.Errorf("known %t, want %t", got, want)
		}
	}
	clock.advance(91 * time.Second)
	if v.Known(good) {
		t.Error("a token is known that has expired")
	}
}

func TestKnownOpaqueTokensAreThoseThatUAAVouchedFor(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		if v.Known(opaque) {
			t.Error("known before UAA was asked")
		}
		fake.set(func(f *fakeUAA) { f.check = answerWith(200, userClaims(time.Now())) })
		if _, err := v.Verify(t.Context(), opaque); err != nil || !v.Known(opaque) {
			t.Errorf("not known afterwards: %v", err)
		}
		time.Sleep(acceptedFor)
		if v.Known(opaque) {
			t.Error("known for longer than the verdict counts")
		}
	})
}
