package broker

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pks-community/pks-release/src/director"
)

func TestOperationDataIsAsOtherBrokersReadIt(t *testing.T) {
	t.Parallel()
	d := operationData{BoshTaskID: 1, BoshContextID: "8826", OperationType: opCreate, Errands: []errand{{Name: "smoke"}}}
	want := `{"BoshTaskID":1,"BoshContextID":"8826","OperationType":"create","PostDeployErrand":{},"PreDeleteErrand":{},"Errands":[{"Name":"smoke","Instances":null}]}`
	if diff := cmp.Diff(want, d.String()); diff != "" {
		t.Error(diff)
	}
	legacy, err := parseOperation(`{"BoshTaskID":1,"BoshContextID":"c","OperationType":"delete","PreDeleteErrand":{"Name":"old"},"PostDeployErrand":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]errand{{Name: "old"}}, legacy.Errands); diff != "" {
		t.Error(diff)
	}
}

func TestContextIDsFitTheDirector(t *testing.T) {
	t.Parallel()
	long := string(make([]byte, 300))
	for _, prefix := range []string{contextPrefix(opRecreate, long), deletionPrefix(long), deletionPrefix("0123456789-0123456789-0123456789-0123456789-xx")} {
		if id := newContextID(prefix); len(id) > 64 || !inContext(id, prefix) {
			t.Errorf("%d characters: %q", len(id), id)
		}
	}
	a, b := contextPrefix(opCreate, "i", json.RawMessage(`{"a":1,"b":[1]}`)), contextPrefix(opCreate, "i", json.RawMessage(` {"b":[1], "a":1}`))
	if a != b {
		t.Error("the order of keys counts")
	}
	if a == contextPrefix(opCreate, "i", json.RawMessage(`{"a":1.0000000000000000001,"b":[1]}`)) || a == contextPrefix(opCreate, "i2", json.RawMessage(`{"a":1,"b":[1]}`)) {
		t.Error("different requests look the same")
	}
}

func TestSecretReferences(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"tls.ca": {"tls", "ca"}, "pw": {"pw", ""}, "/d.irector/d1/tls.private_key": {"/d.irector/d1/tls", "private_key"},
	} {
		if c, k := splitReference(name); c != want[0] || k != want[1] {
			t.Errorf("%s: %q %q", name, c, k)
		}
	}
}

func FuzzOperationData(f *testing.F) {
	f.Add(`{"BoshTaskID":1,"BoshContextID":"c","OperationType":"create","Errands":[{"Name":"smoke","Instances":["a/0"]}]}`)
	f.Add(`{"BoshTaskID":-1}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseOperation(text)
		if err != nil {
			return
		}
		again, err := parseOperation(d.String())
		if len(d.String()) <= maxOperation && (err != nil || !cmp.Equal(d, again, cmpopts.EquateEmpty())) {
			t.Errorf("%q: %v %s", text, err, cmp.Diff(d, again))
		}
		d.locate([]director.Task{{ID: d.BoshTaskID, State: director.Done}, {ID: d.BoshTaskID + 1, State: "odd"}}, func(t director.Task) director.State { return t.State })
	})
}

func FuzzRequestParameters(f *testing.F) {
	f.Add([]byte(`{"a":1}`), []byte(`["x"]`))
	f.Fuzz(func(t *testing.T, parameters, context []byte) {
		p, err := parametersOf(parameters)
		if err != nil {
			return
		}
		if !json.Valid(p) || (contextOf(context) != nil && !json.Valid(contextOf(context))) {
			t.Errorf("%q %q", parameters, context)
		}
	})
}
