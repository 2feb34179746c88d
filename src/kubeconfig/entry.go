package kubeconfig

import (
	"errors"
	"fmt"

	yaml "go.yaml.in/yaml/v3"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// The lists of a kubeconfig whose members have a name.
const (
	listClusters = "clusters"
	listContexts = "contexts"
	listUsers    = "users"
)

// entry is one named member of a list, in the form that client-go writes.
type entry struct {
	list, name string
	node       *yaml.Node
}

// entriesOf takes config apart.
func entriesOf(config *api.Config) ([]entry, error) {
	text, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("write the credentials as YAML: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("read the credentials as YAML: %w", err)
	}
	if len(document.Content) != 1 {
		return nil, errors.New("the credentials are empty")
	}
	var entries []entry
	for _, list := range []string{listClusters, listContexts, listUsers} {
		sequence := value(document.Content[0], list)
		if sequence == nil {
			continue
		}
		for _, node := range sequence.Content {
			if name := value(node, "name"); name != nil {
				entries = append(entries, entry{list: list, name: name.Value, node: node})
			}
		}
	}
	return entries, nil
}

// value finds the value of a key of a mapping; nil when there is none.
func value(mapping *yaml.Node, key string) *yaml.Node {
	mapping = resolve(mapping)
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return resolve(mapping.Content[i+1])
		}
	}
	return nil
}

// setValue gives a key of a mapping a value, keeping its place.
func setValue(mapping *yaml.Node, key string, to *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = to
			return
		}
	}
	mapping.Content = append(mapping.Content, text(key), to)
}

func resolve(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// text is a scalar that reads as a string whatever it holds.
func text(s string) *yaml.Node {
	var node yaml.Node
	node.SetString(s)
	return &node
}
