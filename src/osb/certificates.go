package osb

import (
	"context"
	"net/http"
	"time"
)

// Certificates are those that an instance uses.
type Certificates struct {
	Certificates []Certificate `json:"certificates"`
}

// Certificate is one, by its name at the Director's CredHub.
type Certificate struct {
	Name      string    `json:"name"`
	Authority bool      `json:"authority"` // signs others
	NotAfter  time.Time `json:"not_after"`
}

// Certificates asks which certificates the instance uses. An instance without a
// deployment gives an error of kind Gone, a broker without this addition one of
// kind NotFound.
func (c *Client) Certificates(ctx context.Context, instanceID string) (Certificates, error) {
	var answer Certificates
	_, err := c.exchange(ctx, call{
		name: "certificates", method: http.MethodGet,
		path:    []string{"mgmt", "service_instances", instanceID, "certificates"},
		success: []int{http.StatusOK},
	}, &answer)
	return answer, err
}
