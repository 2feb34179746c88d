package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// previewCreation tells what a provision request of the same content would make of
// an instance that has no deployment, and refuses what that would be refused for.
// It keeps no place among the quotas, and writes no config, secret or UAA client.
func (b *Broker) previewCreation(ctx context.Context, instanceID string, details domain.UpdateDetails, p config.Plan, parameters json.RawMessage) (preview, error) {
	if err := checkMaintenance(details.MaintenanceInfo, maintenanceInfo(b.config.ServiceCatalog, p)); err != nil {
		return preview{}, err
	}
	params, err := provisionParams(domain.ProvisionDetails{
		ServiceID: details.ServiceID, PlanID: details.PlanID, RawContext: details.RawContext, MaintenanceInfo: details.MaintenanceInfo,
		OrganizationGUID: details.PreviousValues.OrgID, SpaceGUID: details.PreviousValues.SpaceID,
	}, parameters)
	if err != nil {
		return preview{}, err
	}
	if err := b.checkPlace(ctx, instanceID, p); err != nil {
		return preview{}, err
	}
	err = b.checkParameters(ctx, p.ID, parameters, func(s *domain.ServiceSchemas) domain.Schema { return s.Instance.Create })
	if err != nil {
		return preview{}, err
	}
	name := deploymentName(instanceID)
	manifest, err := b.generate(ctx, name, p, nil, params, previous{client: b.placeholderClient(instanceID, details.RawContext)})
	if err != nil {
		return preview{}, err
	}
	diff, err := b.difference(ctx, name, manifest)
	if err != nil {
		return preview{}, err
	}
	if diff, err = sectionsOf(manifest.Text, diff); err != nil {
		return preview{}, err
	}
	groups, err := groupChanges("", manifest.Text)
	if err != nil {
		return preview{}, err
	}
	return preview{Changes: true, Diff: diff, InstanceGroups: groups}, nil
}

// sectionsOf leaves of a difference the sections that the manifest has. Against
// nothing the Director shows the whole cloud config as added as well
// (reference/director-api.md §8.3): nothing that the creation would add, and
// operators' own.
func sectionsOf(manifest string, diff []director.DiffLine) ([]director.DiffLine, error) {
	var sections map[string]any
	if err := yaml.Unmarshal([]byte(manifest), &sections); err != nil {
		return nil, fmt.Errorf("parse the new manifest: %w", err)
	}
	separator := director.DiffLine{}
	kept, wanted := []director.DiffLine{}, false
	for _, line := range diff {
		if line == separator {
			continue // set anew before each section
		}
		if key, begins := sectionKey(line.Text); begins {
			if _, wanted = sections[key]; wanted && len(kept) > 0 {
				kept = append(kept, separator)
			}
		}
		if wanted {
			kept = append(kept, line)
		}
	}
	return kept, nil
}

// sectionKey is the key of a manifest's section, if the line begins one. The members
// of a section's list stand as far to the left as its key.
func sectionKey(line string) (key string, begins bool) {
	if line == "" || line == "-" || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "- ") {
		return "", false
	}
	key, _, _ = strings.Cut(line, ":")
	return strings.Trim(key, `"'`), true
}
