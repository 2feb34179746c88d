package api

import (
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/pks"
)

// platformSettings are the members that concern a cluster's machines and their
// network, which users write into configuration files (reference/pks-cli.md §16).
type platformSettings struct {
	at         *jsonbody.Object // for paths in errors
	proxy      pks.ProxyChange
	extensions []pks.GroupExtension
}

func readPlatformSettings(from *jsonbody.Object) (platformSettings, error) {
	p := platformSettings{at: from, proxy: pks.ProxyChange{
		HTTP: readProxyServer(from, "http_proxy"), HTTPS: readProxyServer(from, "https_proxy"),
		NoProxy: from.Text("no_proxy"), Merge: from.Flag("global_no_proxy_merge"),
	}}
	for _, o := range from.Objects("instance_groups") {
		if !o.Has("vm_extension") {
			return p, missing(o.Path("vm_extension"), `Give cloud properties, or {} to take away what there was.`)
		}
		p.extensions = append(p.extensions, pks.GroupExtension{
			Group: valueOr(o.Text("name"), ""), Properties: o.Document("vm_extension"), Path: strings.TrimSuffix(o.Path("name"), ".name"),
		})
	}
	return p, notOffered(from)
}

// readProxyServer reads {url, username, password}; an empty text or object stands
// for none.
func readProxyServer(from *jsonbody.Object, name string) *pks.ProxyServer {
	if from.Value(name) == "" {
		return &pks.ProxyServer{}
	}
	o := from.Object(name)
	if o == nil {
		return nil
	}
	return &pks.ProxyServer{URL: valueOr(o.Text("url"), ""), Username: valueOr(o.Text("username"), ""), Password: pks.Secret(valueOr(o.Text("password"), ""))}
}

// notOffered refuses what the original can and this product cannot: to ignore it
// would go unnoticed until somebody needs it.
func notOffered(from *jsonbody.Object) error {
	for _, group := range []struct {
		why     string
		members []string
	}{
		{"this PKS makes no Windows workers", []string{
			"enable_gmsa", "domain_controller_ip_address", "domain_fqdn", "domain_user_username", "domain_user_password", "domain_security_group", "domain_service_account",
		}},
		{"the container runtime comes with the Kubernetes release", []string{"runtime", "lock_container_runtime"}},
	} {
		for _, member := range group.members {
			if !slices.Contains([]any{nil, "", false, "false"}, from.Value(member)) {
				return pks.Failf(pks.CodeInvalidRequest, "%s is not offered: %s.", from.Path(member), group.why).WithRemedy("Leave it out.")
			}
		}
	}
	return nil
}

func (p platformSettings) empty() bool { return p.proxy.Empty() && p.extensions == nil }

func (p platformSettings) applyTo(spec pks.ClusterSpec, plan pks.Plan) (pks.ClusterSpec, error) {
	var err error
	if spec.Proxy, err = p.proxy.ApplyTo(spec.Proxy, p.at.Path); err != nil {
		return spec, err
	}
	return spec.ExtendGroups(p.extensions, plan)
}
