package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
)

const privateRegistriesHelp = "Path of a JSON or YAML file with private image registries"

// registryFile is the file of reference/pks-cli.md §16.5.
type registryFile struct {
	Servers []registryServer `json:"servers"`
}

type registryServer struct {
	URL   string         `json:"url"`
	Hosts []registryHost `json:"hosts"`
}

type registryHost struct {
	URL          string   `json:"url"`
	Capabilities []string `json:"capabilities"`
	CACert       string   `json:"ca_cert"`
	SkipVerify   bool     `json:"skip_verify"`
}

// registries are what a cluster's nodes trust of the registries in a file.
type registries struct {
	cas      []v1.CustomCACert
	insecure []string
}

// readRegistries reads the file. What the nodes could not do is refused: leaving
// it out would go unnoticed.
func readRegistries(c *cobra.Command, path string) (registries, error) {
	content, err := privatefile.Read(path)
	if err != nil {
		return registries{}, fmt.Errorf("read the registries: %w", err)
	}
	if ext := strings.ToLower(filepath.Ext(path)); ext != ".json" {
		if content, err = yaml.YAMLToJSONStrict(content); err != nil {
			return registries{}, usagef(c, "%s is neither JSON nor YAML.", path)
		}
	}
	found, err := parseRegistries(content)
	if err != nil {
		return registries{}, usagef(c, "%s: %v.", path, err)
	}
	return found, nil
}

func parseRegistries(content []byte) (registries, error) {
	var file registryFile
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&file)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return registries{}, fmt.Errorf("%s is not of the form that is expected", cmp.Or(wrong.Field, "the document"))
	}
	if err != nil {
		return registries{}, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return registries{}, errors.New("something stands behind the object")
	}
	if len(file.Servers) == 0 {
		return registries{}, errors.New("it names no servers")
	}
	var found registries
	for i, server := range file.Servers {
		at := fmt.Sprintf("servers[%d]", i)
		name, err := registryName(at+".url", server.URL)
		if err != nil {
			return registries{}, err
		}
		if len(server.Hosts) == 0 {
			return registries{}, fmt.Errorf("%s has no hosts", at)
		}
		for j, host := range server.Hosts {
			if err := found.add(fmt.Sprintf("%s.hosts[%d]", at, j), name, host); err != nil {
				return registries{}, err
			}
		}
	}
	return found, nil
}

// add takes one host of the registry called name.
func (r *registries) add(at, name string, host registryHost) error {
	own, err := registryName(at+".url", host.URL)
	switch {
	case err != nil:
		return err
	case own != name:
		return fmt.Errorf("%s.url is another host than its server: mirrors are not offered by this PKS", at)
	case len(host.Capabilities) > 0 && (!slices.Contains(host.Capabilities, "pull") || !slices.Contains(host.Capabilities, "resolve")):
		return fmt.Errorf("%s.capabilities must have pull and resolve: nodes pull from every registry that they know", at)
	case host.SkipVerify || strings.HasPrefix(host.URL, "http://"):
		r.insecure = append(r.insecure, name)
	case host.CACert == "":
		return fmt.Errorf("%s.ca_cert is missing, and skip_verify is not true", at)
	default:
		r.cas = append(r.cas, v1.CustomCACert{DomainName: name, CACert: host.CACert})
	}
	return nil
}

// registryName is what image names begin with: HOST or HOST:PORT.
func registryName(at, text string) (string, error) {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" || strings.Trim(address.Path, "/") != "" || address.User != nil {
		return "", fmt.Errorf("%s must be of the form https://HOST or https://HOST:PORT", at)
	}
	return address.Host, nil
}
