package v1

import "strconv"

// Quota is how much the clusters of one owner may take
// (reference/pks-api.md §11).
type Quota struct {
	Owner string `json:"owner"`
	Limit Limit  `json:"limit"`
}

// Limit bounds each resource; what is absent has no bounds.
type Limit struct {
	CPU     *int       `json:"cpu,omitempty"`
	Memory  *Gigabytes `json:"memory,omitempty"`
	Cluster *int       `json:"cluster,omitempty"`
}

// Usage is what the clusters of one owner take (reference/pks-api.md §12).
type Usage struct {
	Owner    string         `json:"owner"`
	Totals   UsageTotals    `json:"totals"`
	Clusters []ClusterUsage `json:"clusters"`
}

// UsageTotals are the sums over all clusters of an owner.
type UsageTotals struct {
	CPU     int       `json:"cpu"`
	Memory  Gigabytes `json:"memory"`
	Cluster int       `json:"cluster"`
}

// ClusterUsage is what one cluster takes. Source is bosh for what BOSH said after
// the cluster's last operation, spec for what the cluster is to have, while an
// operation runs and after one that failed. Incomplete is set while the plan does
// not say how large its machines are. Both are additions of this product.
type ClusterUsage struct {
	Name       string    `json:"name"`
	CPU        int       `json:"cpu"`
	Memory     Gigabytes `json:"memory"`
	Source     string    `json:"source"`
	Incomplete bool      `json:"incomplete,omitempty"`
}

// Gigabytes always have a decimal point, as clients know them: 1.0.
type Gigabytes float64

// MarshalJSON writes the number with at least one decimal.
func (g Gigabytes) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(g), 'f', -1, 64)
	if float64(g) == float64(int64(g)) {
		text = strconv.FormatFloat(float64(g), 'f', 1, 64)
	}
	return []byte(text), nil
}
