package pks

import (
	"net/url"
	"strings"
)

const maxNoProxy = 500 // entries

// ProxyChange is what a request says of a cluster's own proxy. Nil members were not
// named; a server without a url, and an empty list, take away what there was.
type ProxyChange struct {
	HTTP, HTTPS *ProxyServer
	NoProxy     *string // joined by commas
	Merge       *bool
}

// Empty tells that nothing was named.
func (c ProxyChange) Empty() bool { return c == ProxyChange{} }

// ApplyTo is the proxy that a cluster has after the change; nil: the plan's. path
// gives a member's place in the request, for errors (reference/pks-cli.md §16.1).
func (c ProxyChange) ApplyTo(present *Proxy, path func(member string) string) (*Proxy, error) {
	if c.Empty() {
		return present, nil
	}
	var proxy Proxy
	if present != nil {
		proxy = *present
	}
	for _, server := range []struct {
		name string
		to   *ProxyServer
		from *ProxyServer
	}{{"http_proxy", &proxy.HTTP, c.HTTP}, {"https_proxy", &proxy.HTTPS, c.HTTPS}} {
		if server.from == nil {
			continue
		}
		if err := server.from.validate(path(server.name)); err != nil {
			return nil, err
		}
		*server.to = *server.from
	}
	if c.NoProxy != nil {
		var err error
		if proxy.NoProxy, err = noProxyEntries(path("no_proxy"), *c.NoProxy); err != nil {
			return nil, err
		}
	}
	if c.Merge != nil {
		proxy.MergeNoProxy = *c.Merge
	}
	if proxy.HTTP.URL != "" || proxy.HTTPS.URL != "" {
		return &proxy, nil
	}
	switch {
	case c.NoProxy != nil && len(proxy.NoProxy) > 0:
		return nil, withoutProxy(path("no_proxy"))
	case c.Merge != nil && *c.Merge:
		return nil, withoutProxy(path("global_no_proxy_merge"))
	default:
		return nil, nil
	}
}

func withoutProxy(field string) error {
	return Failf(CodeInvalidRequest, "%s is given, but the cluster has no proxy of its own.", field).
		WithRemedy("Give http_proxy or https_proxy too: one with the address of the plan's proxy, if that is to stay.")
}

func (s ProxyServer) validate(field string) error {
	const remedy = "Write it like http://proxy.example.com:8080; HTTPS traffic goes through it as well."
	if s.URL == "" {
		if s.Username != "" || s.Password != "" {
			return Failf(CodeInvalidRequest, "%s.url is missing.", field).WithRemedy(remedy)
		}
		return nil
	}
	if err := checkAnything(field, map[string]any{"url": s.URL, "username": s.Username, "password": s.Password.Reveal()}); err != nil {
		return err
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil, u.Scheme != "http", u.Hostname() == "", strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.Fragment != "":
		return Failf(CodeInvalidRequest, "%s.url is not the http:// address of a proxy.", field).WithRemedy(remedy)
	case u.User != nil:
		return Failf(CodeInvalidRequest, "%s.url holds credentials.", field).WithRemedy("Give them as username and password.")
	case s.Password != "" && s.Username == "":
		return Failf(CodeInvalidRequest, "%s has a password but no username.", field).WithRemedy("Give both or neither.")
	}
	return nil
}

func noProxyEntries(field, list string) ([]string, error) {
	const remedy = "Join host names, domains, addresses and ranges with commas, such as registry.example.com,10.0.0.0/8."
	if err := checkWords(field, list); err != nil {
		return nil, err
	}
	var entries []string
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimSpace(entry)
		switch {
		case entry == "":
			continue
		case !printableText(entry), strings.ContainsAny(entry, " \"'$`\\"):
			return nil, Failf(CodeInvalidRequest, "%s has the entry %q.", field, Shorten(entry)).WithRemedy(remedy)
		}
		entries = append(entries, entry)
	}
	if len(entries) > maxNoProxy {
		return nil, Failf(CodeInvalidRequest, "%s has %d entries; at most %d are allowed.", field, len(entries), maxNoProxy).WithRemedy(remedy)
	}
	return entries, nil
}
