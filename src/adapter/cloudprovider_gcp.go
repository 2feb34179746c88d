package adapter

import "github.com/pks-community/pks-release/src/pks"

// gcpProvider: machines get their rights from service accounts, named by
// vm_extension, or else from a key.
type gcpProvider struct {
	ProjectID       string     `json:"project_id"`
	Network         string     `json:"network"`
	Subnetwork      string     `json:"subnetwork"` // for internal load balancers
	NodeTag         string     `json:"node_tag"`   // default DIRECTOR-DEPLOYMENT-worker; needs director_name
	DirectorName    string     `json:"director_name"`
	MasterExtension string     `json:"master_vm_extension"` // such as service_account_master
	WorkerExtension string     `json:"worker_vm_extension"`
	ServiceKey      pks.Secret `json:"service_key"` // JSON text
}

type gceKey struct {
	ServiceKey string `yaml:"service_key"`
}

func (*gcpProvider) jobType() string { return "gce" }

func (g *gcpProvider) check(field string) error {
	if err := missing(field, [2]string{"project_id", g.ProjectID}, [2]string{"network", g.Network}); err != nil {
		return err
	}
	if g.NodeTag == "" && g.DirectorName == "" {
		return refuse("%s has neither node_tag nor director_name.", field).WithRemedy("Give the Director's name, from which BOSH makes the tag of the workers.")
	}
	return nil
}

func (g *gcpProvider) properties(c *cluster, group string) cloudProviderProperties {
	global := map[string]any{
		"project-id":   g.ProjectID,
		"network-name": g.Network,
		"node-tags":    or(g.NodeTag, g.DirectorName+"-"+c.deployment+"-"+workerGroup),
	}
	if group == masterGroup {
		global["multizone"] = true
	}
	if g.Subnetwork != "" {
		global["subnetwork-name"] = g.Subnetwork
	}
	p := cloudProviderProperties{Provider: cloudProviderSettings{Type: g.jobType()}, Config: map[string]any{"Global": global}}
	if g.ServiceKey != "" {
		p.Provider.GCE = &gceKey{ServiceKey: c.hide("gcp_service_key", g.ServiceKey.Reveal())}
		global["token-url"] = "nil"
	}
	return p
}

func (g *gcpProvider) extensions(group string) []string {
	if group == masterGroup {
		return present(g.MasterExtension)
	}
	return present(g.WorkerExtension)
}

func (*gcpProvider) tags(*cluster) map[string]string { return nil }
