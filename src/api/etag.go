package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// offerTag is a short digest of what cluster documents show beside the cluster
// itself: plans and versions.
func offerTag(c Config) string {
	// Plans and versions are plain values: this cannot fail.
	document, _ := json.Marshal([]any{c.Plans, c.KubernetesVersion, c.Build})
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:4])
}

// etag is the entity tag of a cluster (RFC 9110 §8.8.3): another one whenever what
// a request could change has changed, or how the last action went.
func (s *Server) etag(c pks.Cluster) string {
	id, _, _ := strings.Cut(c.ID, "-")
	return fmt.Sprintf(`"%s.%d.%s"`, id, c.Revision, s.offer)
}

// notModified tells whether the client holds what it would get. While an
// operation runs it never does: percents and expected ends move on.
func (s *Server) notModified(x *exchange) bool {
	if x.on.Busy() {
		return false
	}
	held := x.request.Header.Values("If-None-Match")
	return len(held) > 0 && listsTag(held, s.etag(x.on))
}

// ifMatch is the precondition of If-Match; nil when there is none.
func (s *Server) ifMatch(x *exchange) func(pks.Cluster) error {
	wanted := x.request.Header.Values("If-Match")
	if len(wanted) == 0 {
		return nil
	}
	return func(c pks.Cluster) error {
		if listsTag(wanted, s.etag(c)) {
			return nil
		}
		return pks.Failf(pks.CodePreconditionFailed, "Cluster %s has changed: it is not what If-Match names any more.", c.Name)
	}
}

// listsTag tells whether a header names the tag. Proxies that compress mark a tag
// as weak, which says nothing about the cluster.
func listsTag(headers []string, tag string) bool {
	for _, header := range headers {
		for candidate := range strings.SplitSeq(header, ",") {
			candidate = strings.TrimSpace(candidate)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// showTag tells the client the tag of the cluster that it gets.
func (s *Server) showTag(x *exchange, c pks.Cluster) {
	x.header = http.Header{"Etag": {s.etag(c)}}
}
