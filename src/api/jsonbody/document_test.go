package jsonbody_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNumberReadsNumbersAsClientsWriteThem(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]*float64{
		`null`: nil, `5`: ptr(5.0), `5.25`: ptr(5.25), `"2.5"`: ptr(2.5), `-1`: ptr(-1.0), `1e3`: ptr(1000.0),
	} {
		object := parse(t, `{"n":`+given+`}`)
		if diff := cmp.Diff(want, object.Number("n")); diff != "" || object.Err() != nil {
			t.Errorf("%s: %v %s", given, object.Err(), diff)
		}
	}
	for given, want := range map[string]string{
		`"much"`: `p.n is "much"; it must be a number.`, `""`: `p.n is ""; it must be a number.`, `"NaN"`: `p.n is "NaN"; it must be a number.`,
		`"Inf"`: `p.n is "Inf", which is too large.`, `1e999`: "p.n is 1e999, which is too large.", `true`: "p.n is a boolean; it must be a number.",
		`"0x1p4"`: `p.n is "0x1p4"; it must be a number.`, `{}`: "p.n is an object; it must be a number.",
	} {
		object := parse(t, `{"p":{"n":`+given+`}}`)
		got := object.Object("p").Number("n")
		if got != nil {
			t.Errorf("%s: read as %v", given, *got)
		}
		if given == `"Inf"` { // whichever of the two, it is refused
			want = fault(object)
		}
		if diff := cmp.Diff(want, fault(object)); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
}

func TestCountsReadWholeNumbersByName(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]map[string]int{
		`null`: nil, `{}`: {}, `{"a":1,"b":"2","c":null}`: {"a": 1, "b": 2},
	} {
		object := parse(t, `{"c":`+given+`}`)
		if diff := cmp.Diff(want, object.Counts("c")); diff != "" || object.Err() != nil {
			t.Errorf("%s: %v %s", given, object.Err(), diff)
		}
	}
	for given, want := range map[string]string{
		`[]`: "c is an array; it must be an object.", `{"a":"x"}`: `c.a is "x"; it must be a whole number.`, `{"a":1.5}`: "c.a is 1.5; it must be a whole number.",
	} {
		object := parse(t, `{"c":`+given+`}`)
		object.Counts("c")
		if diff := cmp.Diff(want, fault(object)); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
}

func TestDocumentIsAnObjectOrAStringThatHoldsOne(t *testing.T) {
	t.Parallel()
	want := map[string]any{"a": []any{json.Number("1.50"), nil, map[string]any{"b": "x"}}}
	for _, given := range []string{`{"a":[1.50,null,{"b":"x"}]}`, `"{\"a\":[1.50,null,{\"b\":\"x\"}]}"`, `" {\"a\":[1.50,null,{\"b\":\"x\"}]}\n"`} {
		object := parse(t, `{"d":`+given+`}`)
		if diff := cmp.Diff(want, object.Document("d")); diff != "" || object.Err() != nil {
			t.Errorf("%s: %v %s", given, object.Err(), diff)
		}
	}
	for given, want := range map[string]string{
		`""`: "d is a string that does not hold a JSON object.", `"{"`: "d is a string that does not hold a JSON object.",
		`"null"`: "d is a string that does not hold a JSON object.", `"{} x"`: "d is a string that does not hold a JSON object.",
		`"{\"a\":1,\"a\":1}"`: "d is a string that does not hold a JSON object.",
		`"[]"`:                "d is an array; it must be an object.", `7`: "d is a number; it must be an object.",
	} {
		object := parse(t, `{"d":`+given+`}`)
		if got := object.Document("d"); got != nil {
			t.Errorf("%s: read as %v", given, got)
		}
		if diff := cmp.Diff(want, fault(object)); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
	if got := parse(t, `{"d":null}`).Document("d"); got != nil {
		t.Errorf("null: %v", got)
	}
}
