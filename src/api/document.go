package api

import (
	"strconv"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

// document is a cluster as clients read it. Members that strict clients require
// are never null (reference/pks-api.md §0).
func (s *Server) document(c pks.Cluster) v1.Cluster {
	c = asWaiting(c)
	return v1.Cluster{
		Name:                  c.Name,
		PlanName:              c.PlanName,
		LastAction:            string(c.LastAction),
		LastActionState:       string(c.LastActionState),
		LastActionDescription: c.LastActionDescription,
		UUID:                  c.ID,
		KubernetesMasterIPs:   masterIPs(c),
		NetworkProfileName:    profileName(c.Spec.NetworkProfile),
		ComputeProfileName:    profileName(c.Spec.ComputeProfile),
		KubernetesProfileName: profileName(c.Spec.KubernetesProfile),
		KubernetesVersion:     c.KubernetesVersion,
		PKSVersion:            c.ProductVersion,
		AvailableUpgrades:     s.upgrades(c),
		DeletionLock:          c.DeletionLock,
		Parameters: v1.ClusterParameters{
			KubernetesMasterHost:      c.Spec.MasterHost,
			KubernetesMasterPort:      c.Spec.MasterPort,
			KubernetesWorkerInstances: c.Spec.WorkerInstances,
			ClusterTags:               tags(c.Spec.Tags),
			CustomCACerts:             registryCAs(c.Spec.CustomCACerts),
			Customization:             customization(c.Spec),
			NetworkProfile:            profileText(c.Spec.NetworkProfile),
			ComputeProfile:            profileText(c.Spec.ComputeProfile),
			NodePoolInstances:         c.Spec.NodePoolInstances,
		},
	}
}

// upgrades are the versions that the cluster could be given: none but this
// server's own (reference/pks-product.md §14).
func (s *Server) upgrades(c pks.Cluster) []v1.Upgrade {
	upgrades := []v1.Upgrade{}
	offered := s.target()
	if c.KubernetesVersion != offered.Kubernetes {
		upgrades = append(upgrades, v1.Upgrade{Component: "kubernetes", Version: offered.Kubernetes})
	}
	if c.ProductVersion != offered.Product {
		upgrades = append(upgrades, v1.Upgrade{Component: "pks", Version: offered.Product})
	}
	return upgrades
}

// asWaiting makes a cluster that waits for its turn in a rollout tell so
// (reference/pks-api.md §13).
func asWaiting(c pks.Cluster) pks.Cluster {
	if c.RolloutID == "" || c.Busy() {
		return c
	}
	c.LastAction, c.LastActionState = pks.ActionUpgrade, pks.ActionQueued
	c.LastActionDescription = "Waiting for its turn in upgrade task " + c.RolloutID
	return c
}

func masterIPs(c pks.Cluster) []string {
	if len(c.MasterIPs) == 0 {
		return []string{v1.InProgress}
	}
	ips := make([]string, 0, len(c.MasterIPs))
	for _, ip := range c.MasterIPs {
		ips = append(ips, ip.String())
	}
	return ips
}

func profileName(p *pks.Profile) string {
	if p == nil {
		return ""
	}
	return p.Name
}

func tags(tags []pks.Tag) []v1.ClusterTag {
	var documents []v1.ClusterTag
	for _, tag := range tags {
		documents = append(documents, v1.ClusterTag(tag))
	}
	return documents
}

func registryCAs(cas []pks.RegistryCA) []v1.CustomCACert {
	var documents []v1.CustomCACert
	for _, ca := range cas {
		documents = append(documents, v1.CustomCACert(ca))
	}
	return documents
}

func customization(spec pks.ClusterSpec) *v1.K8sCustomization {
	if spec.VSphereCloudProviderConfigKey == "" && len(spec.UnsetHTTPProxy) == 0 && len(spec.InsecureRegistries) == 0 {
		return nil
	}
	return &v1.K8sCustomization{
		VSphereCloudProviderConfigKey: spec.VSphereCloudProviderConfigKey,
		UnsetHTTPProxy:                spec.UnsetHTTPProxy,
		InsecureRegistries:            spec.InsecureRegistries,
	}
}

// drainSettings are all strings in the document; what is not set is left out.
func drainSettings(d pks.DrainSettings) *v1.KubernetesSettings {
	if d == (pks.DrainSettings{}) {
		return nil
	}
	return &v1.KubernetesSettings{
		DrainTimeout:          written(d.TimeoutMinutes, strconv.Itoa),
		DrainGracePeriod:      written(d.GracePeriodSeconds, strconv.Itoa),
		DrainForce:            written(d.Force, strconv.FormatBool),
		DrainIgnoreDaemonSets: written(d.IgnoreDaemonSets, strconv.FormatBool),
		DrainDeleteLocalData:  written(d.DeleteLocalData, strconv.FormatBool),
		DrainForceNode:        written(d.ForceNode, strconv.FormatBool),
	}
}

func written[T any](value *T, write func(T) string) *string {
	if value == nil {
		return nil
	}
	text := write(*value)
	return &text
}
