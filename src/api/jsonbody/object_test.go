package jsonbody_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/pks"
)

func parse(t testing.TB, body string) *jsonbody.Object {
	t.Helper()
	object, err := jsonbody.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestWholeReadsNumbersAsClientsWriteThem(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]*int{
		`null`: nil, `3`: ptr(3), `"3"`: ptr(3), `-1`: ptr(-1), `"-1"`: ptr(-1), `0`: ptr(0),
		`3.0`: ptr(3), `3e0`: ptr(3), `"3.0"`: ptr(3), `2147483647`: ptr(2147483647), `-0`: ptr(0),
	} {
		object := parse(t, `{"n":`+given+`}`)
		if diff := cmp.Diff(want, object.Whole("n")); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
		if err := object.Err(); err != nil {
			t.Errorf("%s: %v", given, err)
		}
	}
}

func TestWholeRefusesOtherValuesByPath(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`1.5`:                   "p.n is 1.5; it must be a whole number.",
		`"1.5"`:                 "p.n is 1.5; it must be a whole number.",
		`"three"`:               `p.n is "three"; it must be a whole number.`,
		`""`:                    `p.n is ""; it must be a whole number.`,
		`" 3"`:                  `p.n is " 3"; it must be a whole number.`,
		`"0x10"`:                `p.n is "0x10"; it must be a whole number.`,
		`"0x1p4"`:               `p.n is "0x1p4"; it must be a whole number.`,
		`"Inf"`:                 `p.n is "Inf"; it must be a whole number.`,
		`"NaN"`:                 `p.n is "NaN"; it must be a whole number.`,
		`"1_0"`:                 `p.n is "1_0"; it must be a whole number.`,
		`3000000000`:            "p.n is 3000000000, which is too large.",
		`-3000000000`:           "p.n is -3000000000, which is too large.",
		`1e400`:                 "p.n is 1e400, which is too large.",
		`"9223372036854775808"`: "p.n is 9223372036854775808, which is too large.",
		`true`:                  "p.n is a boolean; it must be a whole number.",
		`[3]`:                   "p.n is an array; it must be a whole number.",
		`{}`:                    "p.n is an object; it must be a whole number.",
	} {
		object := parse(t, `{"p":{"n":`+given+`}}`)
		if got := object.Object("p").Whole("n"); got != nil {
			t.Errorf("%s: read as %d", given, *got)
		}
		if diff := cmp.Diff(want, fault(object)); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
}

func TestFlagReadsBooleansAndTheirWords(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]*bool{
		`null`: nil, `true`: ptr(true), `false`: ptr(false), `"true"`: ptr(true), `"False"`: ptr(false),
	} {
		object := parse(t, `{"b":`+given+`}`)
		if diff := cmp.Diff(want, object.Flag("b")); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
	for given, want := range map[string]string{
		`"yes"`: `b is "yes"; it must be true or false.`,
		`""`:    `b is ""; it must be true or false.`,
		`1`:     "b is a number; it must be true or false.",
	} {
		object := parse(t, `{"b":`+given+`}`)
		if got := object.Flag("b"); got != nil {
			t.Errorf("%s: read as %t", given, *got)
		}
		if diff := cmp.Diff(want, fault(object)); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
}

func TestTextRefusesWhatCannotBeCarriedIntact(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`5`:              "s is a number; it must be a string.",
		`{}`:             "s is an object; it must be a string.",
		`"a\u0000b"`:     "s holds a NUL character.",
		`"half \ud800."`: "s holds a character that is not valid Unicode.",
	} {
		object := parse(t, `{"s":`+given+`}`)
		if got := object.Text("s"); got != nil {
			t.Errorf("%s: read as %q", given, *got)
		}
		if diff := cmp.Diff(want, fault(object)); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
}

func TestTextsTellsNoneFromNotGiven(t *testing.T) {
	t.Parallel()
	for given, want := range map[string][]string{
		`null`:              nil,
		`[null]`:            nil, // one client's way to say nothing
		`[null,null]`:       nil,
		`[]`:                {},
		`["a",null,"b \""]`: {"a", `b "`},
	} {
		object := parse(t, `{"a":`+given+`}`)
		if diff := cmp.Diff(want, object.Texts("a")); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
		if err := object.Err(); err != nil {
			t.Errorf("%s: %v", given, err)
		}
	}
	for given, want := range map[string]string{
		`"a"`:        "a is a string; it must be an array.",
		`["a",5]`:    "a[1] is a number; it must be a string.",
		`["\u0000"]`: "a[0] holds a NUL character.",
	} {
		object := parse(t, `{"a":`+given+`}`)
		object.Texts("a")
		if diff := cmp.Diff(want, fault(object)); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
}

func TestObjectsKeepTheirPaths(t *testing.T) {
	t.Parallel()
	object := parse(t, `{"parameters":{"cluster_tags":[null,{"name":"a"},{"name":7},"x"]}}`)
	tags := object.Object("parameters").Objects("cluster_tags")
	if len(tags) != 2 {
		t.Fatalf("got %d objects", len(tags))
	}
	tags[0].Text("name")
	tags[1].Text("name")
	want := "parameters.cluster_tags[3] is a string; it must be an object. parameters.cluster_tags[2].name is a number; it must be a string."
	if diff := cmp.Diff(want, fault(object)); diff != "" {
		t.Error(diff)
	}
	if got := parse(t, `{"o":[null]}`).Objects("o"); got != nil {
		t.Errorf("[null] reads as given: %v", got)
	}
	if got := parse(t, `{"o":5}`).Object("o"); got != nil {
		t.Errorf("a number reads as an object: %v", got)
	}
}

func TestErrIsShortHoweverMuchIsWrong(t *testing.T) {
	t.Parallel()
	object := parse(t, `{"a":[`+strings.Repeat("1,", 5000)+`1]}`)
	object.Texts("a")
	if got := strings.Count(fault(object), "must be a string"); got != 10 {
		t.Errorf("error tells of %d faults", got)
	}
}

func fault(object *jsonbody.Object) string {
	err := object.Err()
	if err == nil {
		return ""
	}
	failure := pks.AsFailure(err)
	if failure.Code != pks.CodeInvalidRequest {
		return string(failure.Code)
	}
	return failure.User
}

// FuzzParse holds the reader against encoding/json: what it accepts must mean
// the same there, and nothing may make it panic.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"name":"demo","parameters":{"kubernetes_worker_instances":"3","x":[null,1.5e3,true]}}`,
		`{"a":{"a":{"a":[[[[]]]]}}}`, `{"n":"\ud83d\ude00"}`, "\xef\xbb\xbf{}", `{"a":1,"a":2}`, `[`, `{"":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		object, err := jsonbody.Parse(body)
		if err != nil {
			if failure := pks.AsFailure(err); failure.Code != pks.CodeMalformedBody {
				t.Fatalf("failure is %s: %v", failure.Code, err)
			}
			return
		}
		var plain map[string]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(string(body), "\ufeff")), &plain); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		for name, value := range plain {
			if object.Has(name) != (value != nil) {
				t.Errorf("member %q: present is %t", name, object.Has(name))
			}
			object.Text(name)
			object.Whole(name)
			object.Flag(name)
			object.Texts(name)
			object.Objects(name)
			object.Object(name)
		}
		_ = object.Err()
	})
}
