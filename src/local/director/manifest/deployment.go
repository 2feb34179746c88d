package manifest

import (
	"github.com/pks-community/pks-release/src/local/director/fault"
)

// Deployment is a deployment manifest.
type Deployment struct {
	Name      string
	Releases  []Version
	Stemcells []Stemcell
	Update    Update
	Groups    []Group
	Variables []Variable
	Addons    []Addon
	Features  Features
	// Tags are put on machines; only carried along.
	Tags map[string]any
	// GlobalProperties says that the manifest has a top-level properties section, which BOSH only
	// complains about.
	GlobalProperties bool
}

// Version names a release and its version; the version may be or end in "latest".
type Version struct {
	Name, Version string
}

// Stemcell is an entry of a manifest's stemcells: OS or Name, and a version.
type Stemcell struct {
	Alias, OS, Name, Version string
}

// Variable is an entry of a manifest's variables.
type Variable struct {
	Name, Type string
	Options    map[string]any
	// UpdateMode is no-overwrite, overwrite, converge or empty.
	UpdateMode string
	// Consumes are the links that a certificate takes names from.
	Consumes map[string]Address
}

// Features are a manifest's features.
type Features struct {
	UseDNSAddresses      bool
	ConvergeVariables    bool
	RandomizeAZPlacement bool
}

// Group returns the group called name.
func (d *Deployment) Group(name string) *Group {
	for i := range d.Groups {
		if d.Groups[i].Name == name {
			return &d.Groups[i]
		}
	}
	return nil
}

// Name returns the deployment's name, or the Director's complaint about its absence.
func Name(document *Map) (string, error) {
	name, ok := document.Get("name").(string)
	if !ok || name == "" {
		return "", fault.New(fault.MissingField, "Deployment manifest must have a 'name' key")
	}
	return name, nil
}

// ReadDeployment reads a manifest in the order in which BOSH does, so that of several faults the
// same one is named.
func ReadDeployment(document *Map) (*Deployment, error) {
	name, err := Name(document)
	if err != nil {
		return nil, err
	}
	d := &Deployment{Name: name, GlobalProperties: document.Get("properties") != nil}
	steps := []func(*Map) error{d.readStemcells, d.readReleases, d.readUpdate, d.readFeatures, d.readVariables, d.readGroups, d.readAddons}
	for _, step := range steps {
		if err := step(document); err != nil {
			return nil, err
		}
	}
	tags, err := object(document, "tags")
	if err != nil {
		return nil, err
	}
	d.Tags = PlainMap(tags)
	return d, nil
}

func (d *Deployment) readStemcells(document *Map) error {
	entries, err := objects(document, "stemcells")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		var s Stemcell
		if s.Alias, err = requiredText(entry, "alias"); err != nil {
			return err
		}
		if s.Version, err = requiredText(entry, "version"); err != nil {
			return err
		}
		if s.OS, err = text(entry, "os"); err != nil {
			return err
		}
		if s.Name, err = text(entry, "name"); err != nil {
			return err
		}
		if s.OS == "" && s.Name == "" {
			return missing("os", entry)
		}
		if s.OS != "" && s.Name != "" {
			return fault.New(stemcellBothNameAndOS, "Properties 'os' and 'name' are both specified for stemcell, choose one. (%s)", Inspect(entry))
		}
		for _, other := range d.Stemcells {
			if other.Alias == s.Alias {
				return fault.New(stemcellAliasExists, "Duplicate stemcell alias '%s'", s.Alias)
			}
		}
		d.Stemcells = append(d.Stemcells, s)
	}
	return nil
}

// Codes of complaints that only this package makes.
const (
	stemcellAliasExists   = 50005
	stemcellBothNameAndOS = 50006
)

func (d *Deployment) readReleases(document *Map) error {
	entries, err := requiredObjects(document, "releases")
	if err != nil {
		return err
	}
	d.Releases, err = versions(entries)
	return err
}

func versions(entries []*Map) ([]Version, error) {
	var out []Version
	seen := map[string]bool{}
	for _, entry := range entries {
		name, err := requiredText(entry, "name")
		if err != nil {
			return nil, err
		}
		version, err := requiredText(entry, "version")
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fault.New(fault.DuplicateRelease, "Duplicate release name '%s'", name)
		}
		seen[name] = true
		out = append(out, Version{Name: name, Version: version})
	}
	return out, nil
}

func (d *Deployment) readUpdate(document *Map) error {
	entry, err := requiredObject(document, "update")
	if err != nil {
		return err
	}
	d.Update, err = readUpdate(entry, nil)
	return err
}

func (d *Deployment) readFeatures(document *Map) error {
	entry, err := object(document, "features")
	if err != nil || entry == nil {
		return err
	}
	if d.Features.UseDNSAddresses, err = flag(entry, "use_dns_addresses", false); err != nil {
		return err
	}
	if d.Features.RandomizeAZPlacement, err = flag(entry, "randomize_az_placement", false); err != nil {
		return err
	}
	d.Features.ConvergeVariables, err = flag(entry, "converge_variables", false)
	return err
}

func (d *Deployment) readVariables(document *Map) (err error) {
	d.Variables, err = readVariables(document)
	return err
}

func readVariables(document *Map) ([]Variable, error) {
	entries, err := objects(document, "variables")
	if err != nil {
		return nil, err
	}
	var variables []Variable
	seen := map[string]bool{}
	for _, entry := range entries {
		var v Variable
		if v.Name, err = requiredText(entry, "name"); err != nil {
			return nil, err
		}
		if v.Type, err = requiredText(entry, "type"); err != nil {
			return nil, err
		}
		if v.UpdateMode, err = text(entry, "update_mode"); err != nil {
			return nil, err
		}
		options, err := object(entry, "options")
		if err != nil {
			return nil, err
		}
		v.Options = PlainMap(options)
		if v.Consumes, err = readAddresses(entry, v); err != nil {
			return nil, err
		}
		if seen[v.Name] {
			return nil, fault.New(duplicateVariable, "Some of the variables were not unique: '%s'", v.Name)
		}
		seen[v.Name] = true
		variables = append(variables, v)
	}
	return variables, nil
}

const duplicateVariable = 570000

func (d *Deployment) readGroups(document *Map) error {
	entries, err := objects(document, "instance_groups")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		group, err := d.readGroup(entry)
		if err != nil {
			return err
		}
		if d.Group(group.Name) != nil {
			return fault.New(duplicateGroup, "Duplicate instance group name '%s'", group.Name)
		}
		d.Groups = append(d.Groups, group)
	}
	return nil
}

const duplicateGroup = 190006

func (d *Deployment) readAddons(document *Map) (err error) {
	d.Addons, err = readAddons(document)
	return err
}

// HasRelease tells whether the manifest names the release.
func (d *Deployment) HasRelease(name string) bool {
	for _, r := range d.Releases {
		if r.Name == name {
			return true
		}
	}
	return false
}
