// Package v20170312 is what flanneld's backend `tencent-vpc` needs to compile. Its client refuses every call.
package v20170312

import "errors"

var errNotBuiltIn = errors.New("the backend tencent-vpc is not built into this flanneld: use host-gw")

// Filter, Route, RouteTable and the requests have the fields that the backend sets and reads.
type (
	Filter struct {
		Name   *string
		Values []*string
	}
	Route struct {
		RouteId              *uint64
		DestinationCidrBlock *string
		GatewayType          *string
		GatewayId            *string
		RouteType            *string
		Enabled              *bool
	}
	RouteTable struct {
		RouteTableId *string
		RouteSet     []*Route
	}
	DescribeRouteTablesRequest  struct{ Filters []*Filter }
	DescribeRouteTablesResponse struct {
		Response *struct{ RouteTableSet []*RouteTable }
	}
	CreateRoutesRequest struct {
		RouteTableId *string
		Routes       []*Route
	}
	CreateRoutesResponse struct{}
	DeleteRoutesRequest  struct {
		RouteTableId *string
		Routes       []*Route
	}
	DeleteRoutesResponse struct{}
)

// NewDescribeRouteTablesRequest returns an empty request.
func NewDescribeRouteTablesRequest() *DescribeRouteTablesRequest {
	return &DescribeRouteTablesRequest{}
}

// NewCreateRoutesRequest returns an empty request.
func NewCreateRoutesRequest() *CreateRoutesRequest { return &CreateRoutesRequest{} }

// NewDeleteRoutesRequest returns an empty request.
func NewDeleteRoutesRequest() *DeleteRoutesRequest { return &DeleteRoutesRequest{} }

// Client refuses every call.
type Client struct{}

// NewClientWithSecretId returns a client that refuses every call; it keeps none of the arguments.
func NewClientWithSecretId(_, _, _ string) (*Client, error) { return &Client{}, nil }

// DescribeRouteTables refuses.
func (*Client) DescribeRouteTables(*DescribeRouteTablesRequest) (*DescribeRouteTablesResponse, error) {
	return nil, errNotBuiltIn
}

// CreateRoutes refuses.
func (*Client) CreateRoutes(*CreateRoutesRequest) (*CreateRoutesResponse, error) {
	return nil, errNotBuiltIn
}

// DeleteRoutes refuses.
func (*Client) DeleteRoutes(*DeleteRoutesRequest) (*DeleteRoutesResponse, error) {
	return nil, errNotBuiltIn
}
