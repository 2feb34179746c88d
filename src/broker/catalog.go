package broker

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/broker/config"
)

// catalogCache keeps the catalog, which does not change while the broker runs. A
// failure is not kept.
type catalogCache struct {
	mu       sync.Mutex
	services []domain.Service
	text     atomic.Pointer[[]byte] // as clients get it; nil until the first has asked
}

// Services is the catalog: one offering (§1.1).
func (b *Broker) Services(ctx context.Context) ([]domain.Service, error) {
	b.catalog.mu.Lock()
	defer b.catalog.mu.Unlock()
	if b.catalog.services != nil {
		return b.catalog.services, nil
	}
	service := offering(b.config.ServiceCatalog)
	if b.config.Broker.EnablePlanSchemas {
		for i, p := range b.config.ServiceCatalog.Plans {
			schemas, err := b.planSchemas(ctx, p)
			if err != nil {
				return nil, b.answer(ctx, "", "", &operatorError{err.Error(), err})
			}
			service.Plans[i].Schemas = schemas
		}
	}
	b.catalog.services = []domain.Service{service}
	return b.catalog.services, nil
}

func offering(c config.ServiceCatalog) domain.Service {
	shareable := c.Metadata.Shareable
	service := domain.Service{
		ID: c.ID, Name: c.ServiceName, Description: c.Description,
		Bindable: c.Bindable, PlanUpdatable: c.PlanUpdatable, Tags: c.Tags,
		Metadata: &domain.ServiceMetadata{
			DisplayName: c.Metadata.DisplayName, ImageUrl: c.Metadata.ImageURL,
			LongDescription: c.Metadata.LongDescription, ProviderDisplayName: c.Metadata.ProviderDisplayName,
			DocumentationUrl: c.Metadata.DocumentationURL, SupportUrl: c.Metadata.SupportURL,
			Shareable: &shareable, AdditionalMetadata: c.Metadata.More,
		},
		Plans: make([]domain.ServicePlan, 0, len(c.Plans)),
	}
	for _, r := range c.Requires {
		service.Requires = append(service.Requires, domain.RequiredPermission(r))
	}
	if c.DashboardClient != (config.DashboardClient{}) {
		service.DashboardClient = &domain.ServiceDashboardClient{
			ID: c.DashboardClient.ID, Secret: c.DashboardClient.Secret, RedirectURI: c.DashboardClient.RedirectURI,
		}
	}
	for _, p := range c.Plans {
		service.Plans = append(service.Plans, plan(c, p))
	}
	return service
}

func plan(c config.ServiceCatalog, p config.Plan) domain.ServicePlan {
	metadata := &domain.ServicePlanMetadata{
		DisplayName: p.Metadata.DisplayName, Bullets: p.Metadata.Bullets, AdditionalMetadata: p.Metadata.More,
	}
	for _, cost := range p.Metadata.Costs {
		metadata.Costs = append(metadata.Costs, domain.ServicePlanCost{Amount: cost.Amount, Unit: cost.Unit})
	}
	return domain.ServicePlan{
		ID: p.ID, Name: p.Name, Description: p.Description, Free: p.Free, Bindable: p.Bindable,
		Metadata: metadata, MaintenanceInfo: maintenanceInfo(c, p),
	}
}

// checkService refuses requests that are meant for another offering.
func (b *Broker) checkService(id string) error {
	if id != b.config.ServiceCatalog.ID {
		return refuse(http.StatusBadRequest, "", "service-id not in the catalog")
	}
	return nil
}

// planOf finds a plan, or fails as the reference does.
func (b *Broker) planOf(id string) (config.Plan, error) {
	p, ok := b.config.ServiceCatalog.Plan(id)
	if !ok {
		text := fmt.Sprintf("plan %s does not exist", id)
		return p, refuse(http.StatusInternalServerError, "", text)
	}
	return p, nil
}
