package scimfilter

import (
	"errors"
	"strings"
	"testing"
)

func known(name string) bool {
	return name == "username" || name == "active" || name == "emails.value" || name == "meta.version"
}

func alana(name string) []string {
	return map[string][]string{
		"username": {"Alana"}, "active": {"true"}, "emails.value": {"a@x.com", `q"uote@x.com`}, "meta.version": {"10"},
	}[name]
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		``:                                true,
		`userName eq "alana"`:             true,
		`USERNAME Eq "ALANA"`:             true,
		`userName eq "bob"`:               false,
		`userName co "lan"`:               true,
		`userName sw "ala"`:               true,
		`userName sw "lana"`:              false,
		`userName pr`:                     true,
		`userName gt "al"`:                true,
		`userName ge "alana"`:             true,
		`userName lt "alana"`:             false,
		`userName le "alana"`:             true,
		`active eq true`:                  true,
		`active eq false`:                 false,
		`meta.version gt 9`:               true,
		`meta.version lt 9`:               false,
		`emails.value eq "q\"uote@x.com"`: true,
		`userName eq "bob" or userName eq "alana" and active eq true`:    true,
		`userName eq "alana" or userName eq "bob" and active eq false`:   true,
		`(userName eq "alana" or userName eq "bob") and active eq false`: false,
		`((userName eq "alana"))`:                                        true,
		`userName eq "alana"and active eq true`:                          true,
	} {
		filter, err := Parse(text, known)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := filter.Accepts(alana); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
}

func TestBadFiltersAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`nonsense eq "x"`, `userName ne "x"`, `userName`, `userName eq`, `userName eq alana`, `userName eq "x`, `userName eq "x\`,
		`"userName" eq "x"`, `userName "eq" "x"`, `(userName pr`, `userName pr)`, `userName pr userName pr`, `and`, `userName pr or`,
		`not userName pr`, `()`, strings.Repeat("(", 100) + `userName pr` + strings.Repeat(")", 100), `userName eq "` + strings.Repeat("x", 5000) + `"`,
	} {
		if _, err := Parse(text, known); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error is %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`userName eq "alana" and (active eq true or meta.version gt 3)`)
	f.Add(`userName eq "a\"b"`)
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := Parse(text, known)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		filter.Accepts(alana)
	})
}

// FuzzQuotedValue: whatever the value, a filter that quotes it finds it and
// nothing else.
func FuzzQuotedValue(f *testing.F) {
	f.Add("alana")
	f.Add(`x" or userName pr or userName eq "x`)
	f.Add(`\`)
	f.Fuzz(func(t *testing.T, value string) {
		escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
		filter, err := Parse(`userName eq "`+escaped+`"`, known)
		if err != nil {
			if len(escaped) > maxLength-20 {
				return
			}
			t.Fatal(err)
		}
		if !filter.Accepts(func(string) []string { return []string{value} }) || filter.Accepts(func(string) []string { return []string{value + "x"} }) {
			t.Fatalf("filter for %q is wrong", value)
		}
	})
}
