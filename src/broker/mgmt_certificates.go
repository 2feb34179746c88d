package broker

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/director"
)

// usedCertificate is one of an instance's, by its name at the CredHub.
type usedCertificate struct {
	Name      string    `json:"name"`
	Authority bool      `json:"authority"`
	NotAfter  time.Time `json:"not_after"`
}

// serveCertificates tells which certificates an instance uses and how long they are
// good. Without a CredHub nobody can tell.
func (b *Broker) serveCertificates(w http.ResponseWriter, r *http.Request) {
	ctx, name := r.Context(), deploymentName(instanceID(r))
	if b.secrets == nil {
		respond(w, http.StatusNotImplemented, apiresponses.ErrorResponse{
			Description: "The broker cannot see certificates: broker.enable_secure_manifests and bosh_credhub are not configured."})
		return
	}
	variables, err := b.director.Variables(ctx, name)
	if errors.Is(err, director.ErrNotFound) {
		respond(w, http.StatusGone, struct{}{})
		return
	}
	var found []usedCertificate
	if err == nil {
		found, err = b.certificates(ctx, variables)
	}
	if err != nil {
		b.respondError(ctx, w, instanceID(r), "", unlessAway("look at the certificates of", err))
		return
	}
	respond(w, http.StatusOK, struct {
		Deployment   string            `json:"deployment"`
		Certificates []usedCertificate `json:"certificates"`
	}{name, found})
}

func (b *Broker) certificates(ctx context.Context, variables []director.Variable) ([]usedCertificate, error) {
	found := []usedCertificate{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(secretsAtOnce)
	for _, variable := range variables {
		group.Go(func() error {
			credential, err := b.secrets.ByID(ctx, variable.ID)
			if errors.Is(err, credhub.ErrNotFound) || err == nil && credential.Type != "certificate" {
				return nil
			}
			if err != nil {
				return fmt.Errorf("fetch %s: %w", variable.Name, err)
			}
			text, _ := valueOf(credential.Value, "certificate")
			block, _ := pem.Decode([]byte(text))
			if block == nil {
				return nil
			}
			parsed, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return fmt.Errorf("read the certificate %s: %w", variable.Name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, usedCertificate{Name: variable.Name, Authority: parsed.IsCA, NotAfter: parsed.NotAfter.UTC()})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b usedCertificate) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}
