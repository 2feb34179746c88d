package kubeconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	yaml "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

const indent = 2

// file is one kubeconfig: as client-go understands it, and as the YAML that its
// owner wrote. The YAML is what is changed, so that comments, order and members
// that client-go does not know survive; client-go judges the outcome.
type file struct {
	path     string
	config   *api.Config
	document yaml.Node
	indented bool // lists are indented below their key; kubectl does not
	changed  bool
}

// parseFile reads the content of the file at path; none stands for no file yet.
func parseFile(path string, content []byte) (*file, error) {
	config, err := clientcmd.Load(content)
	if err != nil {
		return nil, brokenError(path, err)
	}
	f := &file{path: path, config: config}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	switch err := decoder.Decode(&f.document); {
	case errors.Is(err, io.EOF): // empty, or nothing but comments
		return f, f.begin(content)
	case err != nil:
		return nil, brokenError(path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, brokenError(path, errors.New("it holds more than one YAML document"))
	}
	root := resolve(f.document.Content[0])
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return f, f.begin(nil)
	}
	if root.Kind != yaml.MappingNode {
		return nil, brokenError(path, errors.New("it is not a YAML mapping"))
	}
	for _, list := range []string{listClusters, listContexts, listUsers} {
		if sequence := value(root, list); sequence != nil && sequence.Kind == yaml.SequenceNode && sequence.Style&yaml.FlowStyle == 0 {
			f.indented = f.indented || sequence.Column > root.Column
		}
	}
	return f, nil
}

// begin makes an empty kubeconfig, below the comments there may be.
func (f *file) begin(comments []byte) error {
	f.document = yaml.Node{Kind: yaml.DocumentNode, HeadComment: string(bytes.TrimSpace(comments))}
	root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	setValue(root, "apiVersion", text("v1"))
	setValue(root, "kind", text("Config"))
	f.document.Content = []*yaml.Node{root}
	return nil
}

func brokenError(path string, err error) error {
	return fmt.Errorf("%s is not a kubeconfig and is left as it is: %w", path, err)
}

func (f *file) root() *yaml.Node { return resolve(f.document.Content[0]) }

// find returns the node of the entry's name, nil when the file has none.
func (f *file) find(e entry) *yaml.Node {
	sequence := value(f.root(), e.list)
	if sequence == nil {
		return nil
	}
	for _, node := range sequence.Content {
		if name := value(node, "name"); name != nil && name.Value == e.name {
			return resolve(node)
		}
	}
	return nil
}

// put replaces the entry, or adds it at the end of its list.
func (f *file) put(e entry) {
	f.changed = true
	if node := f.find(e); node != nil {
		replacement := *e.node
		replacement.HeadComment, replacement.LineComment, replacement.FootComment = node.HeadComment, node.LineComment, node.FootComment
		*node = replacement
		return
	}
	sequence := value(f.root(), e.list)
	if sequence == nil || sequence.Kind != yaml.SequenceNode {
		sequence = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		setValue(f.root(), e.list, sequence)
	}
	if len(sequence.Content) == 0 {
		sequence.Style = 0 // "[]" was the only way to write it
	}
	sequence.Content = append(sequence.Content, e.node)
}

func (f *file) setCurrentContext(name string) {
	if f.config.CurrentContext == name {
		return
	}
	f.changed = true
	setValue(f.root(), "current-context", text(name))
}

// encode writes the file and makes sure that client-go reads from it what it read
// before, and what was put in of added, and nothing else.
func (f *file) encode(added *api.Config) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(indent)
	if !f.indented {
		encoder.CompactSeqIndent()
	}
	if err := encoder.Encode(&f.document); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	got, err := clientcmd.Load(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("its YAML cannot be changed safely: %w", err)
	}
	if !equality.Semantic.DeepEqual(f.wanted(added, got), got) {
		return nil, errors.New("its YAML cannot be changed safely (does it use anchors?); rewrite it with 'kubectl config view --raw'")
	}
	return out.Bytes(), nil
}

// wanted is the old configuration with those entries of added that this file was
// given, which are those that got has of them.
func (f *file) wanted(added, got *api.Config) *api.Config {
	want := f.config.DeepCopy()
	take(want.Clusters, got.Clusters, added.Clusters)
	take(want.Contexts, got.Contexts, added.Contexts)
	take(want.AuthInfos, got.AuthInfos, added.AuthInfos)
	if got.CurrentContext == added.CurrentContext {
		want.CurrentContext = added.CurrentContext
	}
	return want
}

func take[T any](want, got, added map[string]T) {
	for name, entry := range added {
		if _, given := got[name]; given {
			want[name] = entry
		}
	}
}
