package api

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

// listCertificates answers GET /v1/clusters/{name}/certificates: those that expire
// within so many days, the first to do so first; without a number, all.
func (s *Server) listCertificates(ctx context.Context, x *exchange) (answer, error) {
	days := math.MaxInt32
	if text := x.request.URL.Query().Get("days"); text != "" {
		var err error
		if days, err = strconv.Atoi(text); err != nil || days < 0 || days > math.MaxInt32 {
			return answer{}, pks.Failf(pks.CodeInvalidRequest, "days is %q; it must be a whole number from 0 on.", pks.Shorten(text))
		}
	}
	found, err := s.config.Engine.Certificates(ctx, x.on)
	if err != nil {
		return answer{}, err
	}
	now := time.Now()
	documents := []v1.Certificate{}
	for _, c := range found {
		document := v1.Certificate{
			Name: c.Name, Type: v1.CertificateLeaf, DaysLeft: int(math.Floor(c.NotAfter.Sub(now).Hours() / 24)),
			ValidUntil: c.NotAfter.UTC().Format(time.RFC3339),
		}
		if c.Authority {
			document.Type = v1.CertificateRoot
		}
		if document.DaysLeft <= days {
			documents = append(documents, document)
		}
	}
	slices.SortFunc(documents, func(a, b v1.Certificate) int {
		return cmp.Or(cmp.Compare(a.DaysLeft, b.DaysLeft), cmp.Compare(a.Name, b.Name))
	})
	return answer{http.StatusOK, documents}, nil
}

// rotateCertificates answers POST /v1/clusters/{name}/rotate-certificates.
func (s *Server) rotateCertificates(ctx context.Context, x *exchange) (answer, error) {
	if err := readRotation(x.body); err != nil {
		return answer{}, err
	}
	cluster, err := s.config.Engine.RotateCertificates(ctx, lifecycle.RotateRequest{
		ClusterID: x.on.ID, By: x.caller, RequestID: x.requestID, Precondition: s.upToDate(x),
		Keyed: x.keyed(http.StatusAccepted, func(c pks.Cluster) any { return s.document(c) }),
	})
	if err != nil {
		return answer{}, err
	}
	x.on = cluster
	s.showTag(x, cluster)
	return answer{http.StatusAccepted, s.document(cluster)}, nil
}

// readRotation wants all certificates to be asked for: those of NSX-T are none of
// the cluster's.
func readRotation(body []byte) error {
	request, err := jsonbody.Parse(body)
	if err != nil {
		return err
	}
	all, onlyNSX := valueOr(request.Flag("all"), false), valueOr(request.Flag("only_nsx"), false)
	request.Flag("skip_nsx") // nothing else is done
	if err := request.Err(); err != nil {
		return err
	}
	switch {
	case onlyNSX:
		return pks.Failf(pks.CodeInvalidRequest, "The cluster has no certificates that are registered at NSX-T.").
			WithRemedy("Set all to rotate those that it has.")
	case !all:
		return pks.Failf(pks.CodeInvalidRequest, "all or only_nsx must be true.")
	}
	return nil
}

// upToDate refuses clusters of another version: their next deploy would bring along
// more than was asked for (reference/pks-api.md §5.5).
func (s *Server) upToDate(x *exchange) func(pks.Cluster) error {
	match := s.ifMatch(x)
	return func(c pks.Cluster) error {
		if match != nil {
			if err := match(c); err != nil {
				return err
			}
		}
		if c.Versions() != s.target() {
			return fromPreviousInstallation(c)
		}
		return nil
	}
}

func fromPreviousInstallation(c pks.Cluster) *pks.Failure {
	return pks.Failf(pks.CodeClusterBehind, "The cluster %s is from previous installation, please upgrade cluster before current operation", c.Name).
		WithRemedy("")
}

// promoteToPolicy answers POST /v1/clusters/{name}/promote-to-policy. The policy
// API of NSX-T is the only one that is spoken here, so there is nothing to move.
func (s *Server) promoteToPolicy(_ context.Context, x *exchange) (answer, error) {
	if x.on.Versions() != s.target() {
		return answer{}, fromPreviousInstallation(x.on)
	}
	return answer{}, pks.Failf(pks.CodeInvalidRequest, "Cluster %s does not use the management-plane API of NSX-T.", x.on.Name).
		WithRemedy("There is nothing to promote.")
}
