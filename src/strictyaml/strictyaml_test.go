package strictyaml_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/strictyaml"
)

type document struct {
	Name   string        `yaml:"name"`
	Secret pks.Secret    `yaml:"secret"`
	Pause  time.Duration `yaml:"pause"`
	Level  slog.Level    `yaml:"level"`
	Inner  struct {
		Number int    `yaml:"number"`
		Flag   bool   `yaml:"flag"`
		List   []int  `yaml:"list"`
		Text   string `yaml:"text"`
	} `yaml:"inner"`
}

func TestWhatIsNotNamedKeepsItsValue(t *testing.T) {
	t.Parallel()
	got := document{Name: "default", Pause: time.Second}
	if err := strictyaml.Decode([]byte("pause: 2m\ninner: {list: [1]}\n"), &got); err != nil {
		t.Fatal(err)
	}
	want := document{Name: "default", Pause: 2 * time.Minute}
	want.Inner.List = []int{1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFaultsNameLineAndKey(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "the file is empty",
		"name: a\n---\nname: b":          "the file holds more than one YAML document",
		"name: a\nnames: b":              "line 2: the key names is not known",
		"inner: {numbr: 1}":              "line 1: the key numbr is not known",
		"pause: 5":                       `line 1: pause is "5"; it must be a duration with its unit, for example 10s or 2m`,
		"inner:\n  number: many":         `line 2: inner.number is "many"; it must be a whole number`,
		"inner:\n  flag: 7":              `line 2: inner.flag is "7"; it must be true or false`,
		"inner: {list: 7}":               `line 1: inner.list is "7"; it must be a list`,
		"inner: {list: [1, x]}":          `line 1: inner.list[1] is "x"; it must be a whole number`,
		"inner: [1]":                     "line 1: inner must be a group of keys",
		"inner: {text: [a], flag: true}": "line 1: inner.text must be a text",
		"secret: [hunter2]":              "line 1: secret must be a text",
		"secret: {a: hunter2}":           "line 1: secret must be a text",
		"level: loud":                    `log.level is "loud"; it must be debug, info, warn or error`,
		"inner:\n\tflag: true":           "line 2 is indented with a tab; YAML wants blanks",
	} {
		err := strictyaml.Decode([]byte(text), new(document))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the secret is shown: %v", text, err)
		}
	}
}

func FuzzDecodeNeverPanics(f *testing.F) {
	for _, seed := range []string{"name: a", "inner: {list: [1, x]}", "a: &a [*a]", "\t", "? [x]\n: y", "secret: !!binary x"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		_ = strictyaml.Decode([]byte(text), new(document))
	})
}
