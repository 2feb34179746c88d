package broker

import (
	"context"
	"encoding/json"

	"github.com/pks-community/pks-release/src/broker/oauthclient"
)

// clientOwner is whose UAA client is meant, as far as the platform's context tells;
// members of another type than text count as absent.
func clientOwner(instanceID string, requestContext json.RawMessage) oauthclient.Instance {
	var known map[string]any
	_ = json.Unmarshal(requestContext, &known) // not an object: nothing is known
	text := func(key string) string {
		s, _ := known[key].(string)
		return s
	}
	return oauthclient.Instance{ID: instanceID, SpaceGUID: text("space_guid"), Name: text("instance_name")}
}

// newClient makes the UAA client of an instance that is being created; nil when
// instances have none.
func (b *Broker) newClient(ctx context.Context, instanceID string, requestContext json.RawMessage) (*oauthclient.Client, error) {
	if b.clients == nil {
		return nil, nil
	}
	return b.clients.Create(ctx, clientOwner(instanceID, requestContext))
}

// alignedClient is that of an instance that is being changed.
func (b *Broker) alignedClient(ctx context.Context, instanceID string, requestContext json.RawMessage) (*oauthclient.Client, error) {
	if b.clients == nil {
		return nil, nil
	}
	return b.clients.Align(ctx, clientOwner(instanceID, requestContext))
}

// presentClient is that of an instance that is only looked at.
func (b *Broker) presentClient(ctx context.Context, instanceID string) (*oauthclient.Client, error) {
	if b.clients == nil {
		return nil, nil
	}
	return b.clients.Get(ctx, instanceID)
}

// placeholderClient stands for that of an instance whose creation is only looked at.
func (b *Broker) placeholderClient(instanceID string, requestContext json.RawMessage) *oauthclient.Client {
	if b.clients == nil {
		return nil
	}
	return b.clients.Placeholder(clientOwner(instanceID, requestContext))
}

// redirect is not worth failing a deployment that has begun.
func (b *Broker) redirect(ctx context.Context, c *oauthclient.Client, dashboard string) {
	if b.clients == nil || c == nil || dashboard == "" {
		return
	}
	if err := b.clients.Redirect(ctx, *c, dashboard); err != nil {
		b.logger.WarnContext(ctx, "UAA client does not lead to the dashboard yet", "cluster", c.ID, "error", err)
	}
}

func (b *Broker) deleteClient(ctx context.Context, instanceID string) {
	if b.clients == nil {
		return
	}
	if err := b.clients.Delete(ctx, instanceID); err != nil {
		b.logger.WarnContext(ctx, "UAA client was left behind", "cluster", instanceID, "error", err)
	}
}
