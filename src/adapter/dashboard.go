package adapter

import (
	"net"
	"strconv"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// endpoint is where a cluster's API is reached from outside.
func (r record) endpoint() string {
	return "https://" + net.JoinHostPort(r.Spec.MasterHost, strconv.Itoa(r.Spec.MasterPort))
}

// dashboardURL is the cluster's API server. There is no web page of the product
// for a cluster, and an address that answers is more use than none.
func dashboardURL(m bosh.BoshManifest) (serviceadapter.DashboardUrl, error) {
	r, err := readRecord(m)
	if err != nil {
		return serviceadapter.DashboardUrl{}, err
	}
	return serviceadapter.DashboardUrl{DashboardUrl: r.endpoint()}, nil
}
