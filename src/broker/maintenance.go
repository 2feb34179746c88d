package broker

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"

	"github.com/pks-community/pks-release/src/broker/config"
)

// maintenanceInfo merges the offering's with the plan's, the plan's winning; nil
// when there is nothing that a platform could compare (§1.1).
func maintenanceInfo(c config.ServiceCatalog, p config.Plan) *domain.MaintenanceInfo {
	merge := func(a, b map[string]string) map[string]string {
		all := maps.Clone(a)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, b)
		return all
	}
	o, own := c.MaintenanceInfo, p.MaintenanceInfo
	info := domain.MaintenanceInfo{
		Public:      merge(o.Public, own.Public),
		Private:     privateHash(merge(o.Private, own.Private)),
		Version:     o.Version,
		Description: o.Description,
	}
	if own.Version != "" {
		info.Version = own.Version
	}
	if own.Description != "" {
		info.Description = own.Description
	}
	if len(info.Public) == 0 {
		info.Public = nil
	}
	if info.Public == nil && info.Private == "" && info.Version == "" {
		return nil
	}
	return &info
}

// privateHash must stay as it is: another hash would make every instance of a
// replaced broker look as if an upgrade were due (§1.1, with a test vector).
func privateHash(private map[string]string) string {
	if len(private) == 0 {
		return ""
	}
	whole := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(private)) {
		k, v := sha256.Sum256([]byte(key)), sha256.Sum256([]byte(private[key]))
		whole.Write(k[:])
		whole.Write(v[:])
	}
	return hex.EncodeToString(whole.Sum(nil))
}

func sameMaintenance(a, b *domain.MaintenanceInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Version == b.Version && a.Private == b.Private && maps.Equal(a.Public, b.Public)
}

// checkMaintenance holds the request's info against the catalog's (§1.4).
func checkMaintenance(request, catalog *domain.MaintenanceInfo) error {
	switch {
	case request == nil:
		return nil
	case catalog == nil:
		return apiresponses.ErrMaintenanceInfoNilConflict
	case !sameMaintenance(request, catalog):
		return apiresponses.ErrMaintenanceInfoConflict
	}
	return nil
}

// decideUpgrade tells whether an update request is an upgrade, and refuses an
// update of an instance that has to be upgraded first (§1.4).
func (b *Broker) decideUpgrade(d domain.UpdateDetails, hasParameters bool) (upgrade bool, err error) {
	if p, ok := b.config.ServiceCatalog.Plan(d.PlanID); ok {
		if err := checkMaintenance(d.MaintenanceInfo, maintenanceInfo(b.config.ServiceCatalog, p)); err != nil {
			return false, err
		}
	}
	previous := d.PreviousValues
	planKept := d.PlanID == previous.PlanID
	if planKept && !hasParameters && d.MaintenanceInfo != nil && !sameMaintenance(d.MaintenanceInfo, previous.MaintenanceInfo) {
		return true, nil
	}
	old, ok := b.config.ServiceCatalog.Plan(previous.PlanID)
	if ok && previous.MaintenanceInfo != nil && !sameMaintenance(previous.MaintenanceInfo, maintenanceInfo(b.config.ServiceCatalog, old)) {
		return false, refuse(http.StatusUnprocessableEntity, "", "service instance needs to be upgraded before updating")
	}
	return false, nil
}
