package adapter

import (
	"net/url"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// proxyRuntime is the name by which a cluster's request calls the container
// runtime in unset_http_proxy.
const proxyRuntime = "runtime"

// proxyProperties is the plan's "proxy" object. A password given as a
// ((reference)) must be stored in the form it has in a URL.
type proxyProperties struct {
	HTTP    proxyServer `json:"http_proxy"`
	HTTPS   proxyServer `json:"https_proxy"`
	NoProxy []string    `json:"no_proxy"`
}

type proxyServer struct {
	URL      string     `json:"url"`
	Username string     `json:"username"`
	Password pks.Secret `json:"password"`
}

func (p *proxyProperties) check(field string) error {
	if p == nil {
		return nil
	}
	for _, s := range []struct {
		name string
		proxyServer
	}{{"http_proxy", p.HTTP}, {"https_proxy", p.HTTPS}} {
		if s.URL == "" {
			if s.Username != "" || s.Password != "" {
				return refuse("%s.%s has credentials but no url.", field, s.name).WithRemedy("Give its url, such as http://proxy.example.com:8080.")
			}
			continue
		}
		u, err := url.Parse(s.URL)
		if err != nil || u.Scheme != "http" || u.Hostname() == "" {
			return refuse("%s.%s.url is not an http:// address.", field, s.name).WithRemedy("Write it like http://proxy.example.com:8080; HTTPS traffic goes through it as well.")
		}
		if u.User != nil {
			return refuse("%s.%s.url holds credentials.", field, s.name).WithRemedy("Give them as username and password.")
		}
		if s.Password != "" && s.Username == "" {
			return refuse("%s.%s has a password but no username.", field, s.name).WithRemedy("Give both or neither.")
		}
	}
	if p.HTTP.URL == "" && p.HTTPS.URL == "" {
		return refuse("%s names no proxy.", field).WithRemedy("Give http_proxy.url or https_proxy.url, or remove the object.")
	}
	for _, entry := range p.NoProxy {
		if entry == "" || strings.ContainsAny(entry, ", \t\n\"'$`\\") {
			return refuse("%s.no_proxy has the entry %q.", field, entry).WithRemedy("Give one host name, domain or range per entry.")
		}
	}
	return nil
}

// proxySettings are the values for a process.
type proxySettings struct{ http, https, noProxy string }

func (p proxySettings) environment() map[string]string {
	env := map[string]string{}
	for name, value := range map[string]string{"http_proxy": p.http, "https_proxy": p.https, "no_proxy": p.noProxy} {
		if value != "" {
			env[name] = value
		}
	}
	return env
}

// proxyFor gives the proxy for a job, unless there is none or the cluster's
// request exempts the job.
func (c *cluster) proxyFor(job string) (proxySettings, bool) {
	p := c.proxy()
	if p == nil || slices.Contains(c.spec.UnsetHTTPProxy, job) {
		return proxySettings{}, false
	}
	return proxySettings{
		http:    proxyURL(p.HTTP, c.hide(secretHTTPProxy, escapePassword(p.HTTP.Password.Reveal()))),
		https:   proxyURL(p.HTTPS, c.hide(secretHTTPSProxy, escapePassword(p.HTTPS.Password.Reveal()))),
		noProxy: strings.Join(c.noProxy(p.NoProxy), ","),
	}, true
}

// proxy is the cluster's own, else the plan's.
func (c *cluster) proxy() *proxyProperties {
	own := c.spec.Proxy
	if own == nil {
		return c.plan.Proxy
	}
	exempt := own.NoProxy
	if own.MergeNoProxy && c.plan.Proxy != nil {
		exempt = union(c.plan.Proxy.NoProxy, exempt)
	}
	return &proxyProperties{HTTP: proxyServer(own.HTTP), HTTPS: proxyServer(own.HTTPS), NoProxy: exempt}
}

// proxyURL joins address and credentials. The password is a reference to one that
// is kept escaped.
func proxyURL(s proxyServer, password string) string {
	if s.URL == "" || s.Username == "" {
		return s.URL
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return s.URL
	}
	user := url.User(s.Username).String()
	if password != "" {
		user += ":" + password
	}
	u.User = nil
	return u.Scheme + "://" + user + "@" + strings.TrimPrefix(u.String(), u.Scheme+"://")
}

// escapePassword leaves a reference alone: its value must be stored escaped.
func escapePassword(password string) string {
	if password == "" || isReference(password) {
		return password
	}
	return strings.TrimPrefix(url.UserPassword("", password).String(), ":")
}

// noProxy lists what must never go through the proxy: without the service range
// webhooks and the way from kubelet to API server break
// (reference/cluster-manifest.md §14, §18).
func (c *cluster) noProxy(wanted []string) []string {
	own := []string{"localhost", "127.0.0.1", ".internal", ".svc", ".svc." + clusterDomain, c.network.services.String(), c.network.pods.String()}
	for _, nodes := range c.network.nodes {
		own = append(own, nodes.String())
	}
	return union(own, wanted)
}
