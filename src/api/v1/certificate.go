package v1

// Certificate is one that a cluster uses (reference/pks-cli.md §8.1).
type Certificate struct {
	Name       string `json:"name"` // at the Director's CredHub: /DIRECTOR/DEPLOYMENT/NAME
	Type       string `json:"type"` // Root or Leaf
	DaysLeft   int    `json:"days_left"`
	ValidUntil string `json:"valid_until"` // RFC 3339
}

// Values of Certificate.Type.
const (
	CertificateRoot = "Root"
	CertificateLeaf = "Leaf"
)

// RotateCertificates asks for new certificates of a cluster: of all, or of those
// that NSX-T knows alone (reference/pks-cli.md §8.2).
type RotateCertificates struct {
	All     bool `json:"all,omitempty"`
	OnlyNSX bool `json:"only_nsx,omitempty"`
	SkipNSX bool `json:"skip_nsx,omitempty"`
}
