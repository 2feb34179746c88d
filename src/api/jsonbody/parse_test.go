package jsonbody_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/pks"
)

func TestParseRefusesWhatIsNotOneObject(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ body, want string }{
		"nothing":          {"", "The request has no body."},
		"blanks":           {" \n\t", "The request has no body."},
		"only a mark":      {"\xef\xbb\xbf", "The request has no body."},
		"null":             {"null", "The request body is null; it must be a JSON object."},
		"array":            {"[{}]", "The request body is an array; it must be a JSON object."},
		"string":           {`"x"`, "The request body is a string; it must be a JSON object."},
		"number":           {"1", "The request body is a number; it must be a JSON object."},
		"boolean":          {"true", "The request body is a boolean; it must be a JSON object."},
		"cut short":        {`{"name":"de`, "The request body ends in the middle of its JSON."},
		"cut in object":    {`{"name":"demo"`, "The request body ends in the middle of its JSON."},
		"cut in array":     {`{"name":[1`, "The request body ends in the middle of its JSON."},
		"trailing garbage": {`{"name":"demo"} x`, "The request body goes on after its JSON object."},
		"second object":    {`{} {}`, "The request body goes on after its JSON object."},
		"duplicate":        {`{"name":"a","name":"b"}`, "The request body has the member name twice."},
		"inner duplicate":  {`{"parameters":{"a":1,"a":1}}`, "The request body has the member parameters.a twice."},
		"duplicate in array": {`{"cluster_tags":[{},{"name":"a","name":"a"}]}`,
			"The request body has the member cluster_tags[1].name twice."},
		"escaped duplicate": {`{"name":"a","n\u0061me":"b"}`, "The request body has the member name twice."},
		"not UTF-8":         {"{\"name\":\"\xff\"}", "The request body is not UTF-8."},
		"too deep":          {`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "The request body nests deeper than 64 levels."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := jsonbody.Parse([]byte(test.body))
			failure := pks.AsFailure(err)
			if failure.Code != pks.CodeMalformedBody || failure.User != test.want {
				t.Errorf("got %s %q, want %s %q", failure.Code, failure.User, pks.CodeMalformedBody, test.want)
			}
		})
	}
}

func TestParseSaysWhereTheSyntaxBreaks(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{name:"demo"}`, `{"name":demo}`, `{"name":'demo'}`, `{"a":1,}`, `{"a":01}`, `{"a":NaN}`, `<xml/>`} {
		_, err := jsonbody.Parse([]byte(body))
		failure := pks.AsFailure(err)
		if failure.Code != pks.CodeMalformedBody || !strings.Contains(failure.User, "is not JSON") || !strings.Contains(failure.User, "at byte") {
			t.Errorf("%s: got %s %q", body, failure.Code, failure.User)
		}
	}
}

func TestParseKeepsALongNameOutOfTheError(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("ü", 5000)
	_, err := jsonbody.Parse([]byte(`{"` + name + `":1,"` + name + `":2}`))
	if user := pks.AsFailure(err).User; len(user) > 300 || !strings.Contains(user, "…") {
		t.Errorf("error has %d bytes: %.80s", len(user), user)
	}
}

func TestParseSkipsAByteOrderMark(t *testing.T) {
	t.Parallel()
	object, err := jsonbody.Parse([]byte("\xef\xbb\xbf{\"name\":\"demo\"}\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ptr("demo"), object.Text("name")); diff != "" {
		t.Error(diff)
	}
}

func ptr[T any](v T) *T { return &v }
