package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
)

const fileArguments = "file-arguments"

// withFiles replaces each path under file-arguments by the file's content. Paths
// are relative to the profile's file. Everything else stays as it is.
func withFiles(customizations json.RawMessage, profile string) (json.RawMessage, error) {
	var components []map[string]json.RawMessage
	if err := json.Unmarshal(customizations, &components); err != nil {
		return customizations, nil //nolint:nilerr // of another form: the API says what is wrong with it
	}
	for _, component := range components {
		var paths map[string]string
		if component[fileArguments] == nil {
			continue
		}
		if err := json.Unmarshal(component[fileArguments], &paths); err != nil {
			return nil, errors.New("read the profile: " + fileArguments + " is not an object of file names")
		}
		for argument, path := range paths {
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(profile), path)
			}
			content, err := privatefile.Read(path)
			if err != nil {
				return nil, fmt.Errorf("read the file of %s: %w", argument, err)
			}
			paths[argument] = string(content)
		}
		encoded, err := json.Marshal(paths)
		if err != nil {
			return nil, fmt.Errorf("write the profile: %w", err)
		}
		component[fileArguments] = encoded
	}
	return json.Marshal(components)
}
