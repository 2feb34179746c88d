package cli

import (
	"encoding/json"
	"strconv"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
)

// clusterBlock writes a cluster as the block of reference/pks-cli.md §11.1.
func (f *factory) clusterBlock(cluster apiclient.Answer[v1.Cluster]) {
	c := cluster.Value
	f.console.Block([]console.Field{
		{Label: "PKS Version", Value: c.PKSVersion},
		{Label: "Name", Value: c.Name},
		{Label: "K8s Version", Value: c.KubernetesVersion},
		{Label: "Plan Name", Value: c.PlanName},
		{Label: "UUID", Value: c.UUID},
		{Label: "Last Action", Value: c.LastAction},
		{Label: "Last Action State", Value: c.LastActionState},
		{Label: "Last Action Description", Value: c.LastActionDescription},
		{Label: "Kubernetes Master Host", Value: c.Parameters.KubernetesMasterHost},
		{Label: "Kubernetes Master Port", Value: strconv.Itoa(c.Parameters.KubernetesMasterPort)},
		{Label: "Worker Nodes", Value: strconv.Itoa(c.Parameters.KubernetesWorkerInstances)},
		{Label: "Kubernetes Master IP(s)", Value: strings.Join(c.KubernetesMasterIPs, ", ")},
		{Label: "Network Profile Name", Value: c.NetworkProfileName},
		{Label: "Kubernetes Profile Name", Value: c.KubernetesProfileName},
		{Label: "Compute Profile Name", Value: c.ComputeProfileName},
		{Label: "Tags", Value: tags(cluster.Raw)},
	})
}

// tags reads the tags out of the answer as k:v,k:v.
func tags(raw json.RawMessage) string {
	var answer struct {
		Parameters struct {
			Tags []struct {
				Name  string `json:"name"`
				Value string `json:"value"`
			} `json:"cluster_tags"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "" // the cluster itself was read already; its tags are of another form
	}
	pairs := make([]string, 0, len(answer.Parameters.Tags))
	for _, tag := range answer.Parameters.Tags {
		pairs = append(pairs, tag.Name+":"+tag.Value)
	}
	return strings.Join(pairs, ",")
}
