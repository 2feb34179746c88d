package adapter

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

const memberPrivateKey = ".private_key"

// keepCustomCA gives the request's own authority into the broker's keeping, as one
// credential from which the Director can sign, and leaves a reference to its key in
// the spec (reference/cluster-manifest.md §17.2). The name has the certificate's
// fingerprint, so that another authority is another credential.
//
// Unlike with other secrets the whole path is needed: a variable names its CA, and
// the broker replaces only references.
func (c *cluster) keepCustomCA(serviceID string) error {
	ca := c.spec.CustomCA
	if ca == nil {
		return nil
	}
	if err := ca.Validate("custom_ca", time.Time{}); err != nil {
		return err
	}
	if serviceID == "" || strings.ContainsAny(serviceID, "/.() \t\n") {
		return refuse("request_parameters.service_id %q cannot be part of a credential's name.", serviceID).
			WithRemedy("A broker must send the service's id along with a custom_ca.")
	}
	block, _ := pem.Decode([]byte(ca.Certificate))
	sum := sha256.Sum256(block.Bytes)
	name := "custom_ca_" + hex.EncodeToString(sum[:6])
	path := "/odb/" + serviceID + "/" + c.deployment + "/" + name
	key := ref(path + memberPrivateKey)
	if c.kept[key] != ca.PrivateKey.Reveal() {
		c.secrets[name] = map[string]any{"certificate": ca.Certificate, "private_key": ca.PrivateKey.Reveal()}
	}
	c.spec.CustomCA = &pks.CustomCA{Certificate: ca.Certificate, PrivateKey: pks.Secret(key)}
	return nil
}

// masterCA is the name of the authority that signs the API server's certificate:
// the cluster's own if the request brought one, else the plan's, else the one that
// is made for the cluster.
func (c *cluster) masterCA() string {
	if ca := c.spec.CustomCA; ca != nil {
		return strings.TrimSuffix(strings.Trim(ca.PrivateKey.Reveal(), "()"), memberPrivateKey)
	}
	return or(c.plan.Certs.CAName, c.authority(caKubo))
}

// signsMaster tells whether that is the one that is made for the cluster.
func (c *cluster) signsMaster() bool { return c.spec.CustomCA == nil && c.plan.Certs.CAName == "" }

// checkMasterCA: clients inside and outside trust the old authority until they are
// told of the new one, so that a cluster cannot go from one to the other in one
// deploy (reference/cluster-manifest.md §7).
func (c *cluster) checkMasterCA() error {
	was := caKubo
	for _, v := range c.previous.manifest.Variables {
		if v.Name == certMaster {
			was = textAt(v.Options, "ca")
		}
	}
	is := c.masterCA()
	if was == is || isGeneration(caKubo, was) && isGeneration(caKubo, is) {
		return nil
	}
	return refuse("The authority that signs the API server's certificate cannot change from %s to %s on a cluster that exists: its machines and users trust the old one.", was, is).
		WithRemedy("Leave custom_ca, and the plan's certificates.ca_name, as they were, or create a new cluster.")
}
