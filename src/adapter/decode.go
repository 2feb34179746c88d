package adapter

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
	kjson "sigs.k8s.io/json"
)

var percentage = regexp.MustCompile(`^(100|[1-9][0-9]?)%$`)

// decodeStrict reads JSON into v and refuses members that v does not have,
// naming the first by its path. field is where the document came from.
func decodeStrict(field string, raw []byte, v any) error {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	strict, err := kjson.UnmarshalStrict(raw, v)
	if err != nil {
		return refuse("%s: %s.", field, strings.TrimPrefix(err.Error(), "json: ")).
			WithRemedy("Give the member the type that its documentation says.")
	}
	if len(strict) > 0 {
		return refuse("%s: %s.", field, strict[0].Error()).WithRemedy("Correct the name, or remove the member.")
	}
	return nil
}

// checkYAML refuses text that is no sequence of YAML documents, which would
// otherwise fail half an hour later in the cluster.
func checkYAML(field, text string) error {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return refuse("%s is not YAML.", field).WithRemedy("Correct it: %s.", err.Error())
		}
	}
}
