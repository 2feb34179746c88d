package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// checkStartup refuses to serve what the Director could not do (§1.13).
func (b *Broker) checkStartup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startupTimeout)
	defer cancel()
	if err := b.director.Reachable(ctx); err != nil {
		return fmt.Errorf("error creating bosh client: error fetching BOSH director information: %w", err)
	}
	var problems []string
	info, err := b.director.Info(ctx)
	switch {
	case err != nil:
		problems = append(problems, "BOSH Director error: "+err.Error())
	case info.User == "":
		problems = append(problems, "BOSH Director error: the Director does not accept the credentials")
	}
	if err == nil {
		if err := checkVersion(info, b.config.ServiceCatalog); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if b.config.CredHub.Set() {
		if err := awaitHost(ctx, b.config.CredHub.APIURL, net.DefaultResolver.LookupHost); err != nil {
			problems = append(problems, "CredHub error: "+err.Error())
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("error starting broker: The following broker startup checks failed: %s", strings.Join(problems, "; "))
	}
	b.logger.InfoContext(ctx, "BOSH Director answers", "name", info.Name, "version", info.Release(), "user", info.User)
	b.checkPlatform(ctx)
	return nil
}

// checkPlatform looks whether the platform tells its instances. It may well start
// after its broker, so that nothing but a warning comes of it.
func (b *Broker) checkPlatform(ctx context.Context) {
	if b.instances == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, platformTimeout)
	defer cancel()
	instances, err := b.listInstances(ctx, nil)
	if err != nil {
		b.logger.WarnContext(ctx, "the platform does not tell its instances yet", "error", err)
		return
	}
	b.logger.InfoContext(ctx, "the platform tells its instances", "instances", len(instances))
}

// platformTimeout is how long a start waits for the platform at most.
const platformTimeout = 5 * time.Second

// checkVersion knows two kinds of version: 1.3262.x.y, of stemcell lines long
// past, and those of two or three parts of today.
func checkVersion(info director.Info, c config.ServiceCatalog) error {
	insufficient := func(format string, args ...any) error {
		return errors.New("BOSH Director error: API version is insufficient, " + fmt.Sprintf(format, args...))
	}
	version, err := versionParts(info.Release())
	if err != nil {
		return errors.New("BOSH Director error: " + err.Error())
	}
	errands, dns := false, false
	for _, p := range c.Plans {
		errands = errands || len(p.LifecycleErrands.PostDeploy)+len(p.LifecycleErrands.PreDelete) > 0
		dns = dns || len(p.BindingWithDNS) > 0
	}
	stemcellStyle := len(version) == 4
	switch {
	case stemcellStyle && version[1] < 3262:
		return insufficient("ODB requires BOSH v257+.")
	case !stemcellStyle && version[0] < 257:
		return insufficient("ODB requires BOSH v257+.")
	case errands && (stemcellStyle || version[0] < 261):
		return insufficient("lifecycle errands require BOSH v261+.")
	case dns && (stemcellStyle || !knowsLinkAddresses(version)):
		return insufficient("binding_with_dns requires BOSH v266.12+ or v267.6+.")
	}
	return nil
}

func knowsLinkAddresses(v []int) bool {
	switch {
	case v[0] == 266:
		return v[1] >= 12
	case v[0] == 267:
		return v[1] >= 6
	}
	return v[0] > 267
}

func versionParts(text string) ([]int, error) {
	var parts []int
	for _, part := range strings.Split(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("the version %q cannot be read", text)
		}
		parts = append(parts, n)
	}
	if len(parts) < 2 || len(parts) > 4 {
		return nil, fmt.Errorf("the version %q has not two to four parts", text)
	}
	return parts, nil
}
