// Package strictyaml reads the configuration files of programs: an unknown key, a
// second document or a value of the wrong kind is refused in the words of the file,
// by line and key, without repeating what may be secret.
package strictyaml

import (
	"bytes"
	"errors"
	"io"

	"gopkg.in/yaml.v3"
)

// Decode reads the only YAML document of content into the struct that into points
// to. Members that the document does not name keep their value.
func Decode(content []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("the file is empty")
		}
		return explain(content, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("the file holds more than one YAML document")
	}
	return nil
}
