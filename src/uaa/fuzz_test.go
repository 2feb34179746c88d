package uaa

import (
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

func FuzzVerify(f *testing.F) {
	good := mint(f, "key-1", jwtHeader(), userClaims(time.Now()))
	f.Add(good)
	f.Add(opaque)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	fake := newFake(keyOne())
	fake.check = answerWith(400, document{"error": "invalid_token"})
	v := newTestVerifier(f, fake)
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := v.Verify(t.Context(), raw)
		if raw == good {
			return
		}
		if failure, ok := err.(*pks.Failure); !ok || failure.Code != pks.CodeUnauthenticated {
			t.Fatalf("error is %v, want a refusal", err)
		}
	})
}

func FuzzJudgeClaims(f *testing.F) {
	f.Add([]byte(`{"exp":4102444800,"iss":"i","scope":["a"],"user_id":"u","user_name":"n","origin":"o"}`))
	f.Add([]byte(`{"exp":"x"}`))
	f.Add([]byte(`{"aud":["a",7]}`))
	rules := rules{issuer: "i", anyZone: true}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := parseClaims(body)
		if err != nil {
			return
		}
		token, err := rules.judge(c, time.Unix(1700000000, 0))
		if err != nil {
			return
		}
		if token.Principal.ID == "" || token.Principal.Name == "" || token.ExpiresAt.IsZero() {
			t.Fatalf("accepted token is %+v", token)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if (err == nil) == (len(keys) == 0) {
			t.Fatalf("%d keys, error %v", len(keys), err)
		}
		for id, key := range keys {
			if id == "" || key.N.BitLen() < minModulusBits {
				t.Fatalf("key %q has %d bits", id, key.N.BitLen())
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	fake := newFake(keyOne())
	v := newTestVerifier(b, fake)
	raw := mint(b, "key-1", jwtHeader(), userClaims(time.Now()))
	if _, err := verify(b, v, raw); err != nil {
		b.Fatal(err)
	}
	b.Run("known token", func(b *testing.B) {
		for b.Loop() {
			if _, err := v.Verify(b.Context(), raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new token", func(b *testing.B) {
		sum := digestOf(raw)
		for b.Loop() {
			v.verified.remove(sum)
			if _, err := v.Verify(b.Context(), raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}
