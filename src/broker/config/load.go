package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"

	"gopkg.in/yaml.v3"
)

// Load reads and checks a configuration file. A key that is not known is no
// error, since files written for other versions must work; its line is among the
// warnings.
func Load(path string) (c Config, warnings []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, nil, err
	}
	return Parse(text)
}

// Parse reads and checks the text of a configuration file.
func Parse(text []byte) (c Config, warnings []string, err error) {
	if err := yaml.Unmarshal(text, &c); err != nil {
		return Config{}, nil, withoutValues(err)
	}
	if err := c.Validate(); err != nil {
		return Config{}, nil, err
	}
	return c, unknownKeys(text), nil
}

func unknownKeys(text []byte) []string {
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	var ignored Config
	if wrong, ok := errors.AsType[*yaml.TypeError](strict.Decode(&ignored)); ok {
		return wrong.Errors
	}
	return nil
}

var quoted = regexp.MustCompile("`[^`]*`")

// withoutValues keeps the line and the kind of a mistake: the value it quotes may
// be a password.
func withoutValues(err error) error {
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return err
	}
	for i, e := range wrong.Errors {
		wrong.Errors[i] = quoted.ReplaceAllString(e, "value")
	}
	return fmt.Errorf("%w", wrong)
}
