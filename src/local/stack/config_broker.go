package stack

import (
	"fmt"
	"os"

	"github.com/pks-community/pks-release/src/local/cfcr"
)

const (
	brokerUser  = "broker"
	serviceID   = "9f3fd1a6-5b02-4a2c-9ac7-0bd8cbd7c1a5"
	serviceName = "p.pks"
)

// writeBrokerConfig writes the configuration file of pks-broker
// (reference/on-demand-broker.md §4).
func (s *Stack) writeBrokerConfig() error {
	ca, err := os.ReadFile(s.layout.CACertificate())
	if err != nil {
		return fmt.Errorf("read the CA: %w", err)
	}
	client := map[string]any{
		"client_id":     clientBroker,
		"client_secret": s.secrets.BrokerClient.Reveal(),
	}
	clientCredentials := map[string]any{"uaa": map[string]any{"client_credentials": client}}
	login := map[string]any{"username": brokerUser, "password": s.secrets.InstancesBasic.Reveal()}

	return writeConfig(s.layout.BrokerConfig(), "pks-broker", map[string]any{
		"broker": map[string]any{
			"port":                      s.ports.Broker,
			"bind_address":              host,
			"username":                  brokerUser,
			"password":                  s.secrets.BrokerBasic.Reveal(),
			"use_stdin":                 true,
			"disable_cf_startup_checks": true,
			"expose_operational_errors": true,
			"enable_secure_manifests":   true,
			// A cluster that is a version behind can be resized before it is upgraded.
			"keep_versions_on_update":        true,
			"skip_check_for_pending_changes": true,
			"shutdown_timeout_in_seconds":    10,
			"tls": map[string]any{
				"cert_file": s.layout.ServerCertificate(),
				"key_file":  s.layout.ServerKey(),
			},
		},
		"bosh": map[string]any{
			"url":            s.ports.DirectorURL(),
			"root_ca_cert":   string(ca),
			"authentication": clientCredentials,
		},
		"bosh_credhub": map[string]any{
			"url":            s.ports.CredHubURL(),
			"root_ca_cert":   string(ca),
			"authentication": clientCredentials,
		},
		"service_instances_api": map[string]any{
			"url":            s.ports.APIURL() + "/service_instances",
			"root_ca_cert":   string(ca),
			"authentication": map[string]any{"basic": login},
		},
		"service_adapter":    map[string]any{"path": s.program("pks-service-adapter")},
		"service_deployment": serviceDeployment(s.current()),
		"service_catalog":    s.serviceCatalog(string(ca)),
	})
}

// serviceDeployment names the releases and the stemcell that clusters are made of:
// of those that the embedded Director holds, the ones that the settings say.
func serviceDeployment(settings Settings) map[string]any {
	var releases []any
	for _, r := range offeredReleases(settings.Machines, []string{settings.Kubernetes}) {
		var jobs []string
		for _, j := range r.Jobs {
			jobs = append(jobs, j.Name)
		}
		releases = append(releases, map[string]any{"name": r.Name, "version": r.Version, "jobs": jobs})
	}
	stemcell := cfcr.Stemcell()
	stemcell.Version = settings.Stemcell
	return map[string]any{
		"releases":  releases,
		"stemcells": []any{map[string]any{"os": stemcell.OS, "version": stemcell.Version}},
	}
}

func (s *Stack) serviceCatalog(ca string) map[string]any {
	var plans []any
	for _, p := range offeredPlans() {
		properties := map[string]any{"allow_privileged_containers": p.AllowPrivilegedContainers, "max_worker_instances": p.MaxWorkerInstances}
		if p.logins {
			properties["oidc"] = map[string]any{"issuer_url": s.issuer(), "client_id": "pks_cluster_client", "ca_cert": ca}
		}
		plans = append(plans, map[string]any{
			"plan_id":     p.ID,
			"name":        p.Name,
			"description": p.Description,
			"properties":  properties,
			"instance_groups": []any{
				group("master", p.masterVM, p.MasterInstances, p.azs, map[string]any{"persistent_disk_type": "10GB"}),
				group("worker", p.workerVM, p.WorkerInstances, p.azs, nil),
				group("apply-addons", errandVM, 1, p.azs[:1], map[string]any{"lifecycle": "errand"}),
			},
			"lifecycle_errands": map[string]any{"post_deploy": []any{map[string]any{"name": "apply-addons"}}},
		})
	}
	return map[string]any{
		"id":                  serviceID,
		"service_name":        serviceName,
		"service_description": "Kubernetes clusters on BOSH",
		"bindable":            true,
		"plan_updatable":      false,
		"metadata":            map[string]any{"display_name": "PKS"},
		"plans":               plans,
	}
}

func group(name, vmType string, instances int, azs []string, more map[string]any) map[string]any {
	g := map[string]any{
		"name":      name,
		"vm_type":   vmType,
		"instances": instances,
		"networks":  []string{"default"},
		"azs":       azs,
	}
	for k, v := range more {
		g[k] = v
	}
	return g
}
