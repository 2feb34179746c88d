package pks

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// computeDocument are the parameters of a compute profile
// (reference/pks-api.md §9, pks-product.md §8).
type computeDocument struct {
	AZs []struct {
		Name            string                     `json:"name"`
		CloudProperties map[string]json.RawMessage `json:"cloud_properties"`
	} `json:"azs"`
	Customization struct {
		ControlPlane controlPlane `json:"control_plane"`
		NodePools    []nodePool   `json:"node_pools"`
	} `json:"cluster_customization"`
}

type controlPlane struct {
	profileSize
	AZNames   []string `json:"az_names"`
	Instances int      `json:"instances"`
}

type nodePool struct {
	Name string `json:"name"`
	profileSize
	AZNames            []string `json:"az_names"`
	Instances          int      `json:"instances"`
	MaxWorkerInstances int      `json:"max_worker_instances"`
	Taints             string   `json:"node_taints"`
}

type profileSize struct {
	MachineSize
	EphemeralDiskMB int `json:"ephemeral_disk_in_mb"`
}

func (d computeDocument) pool(name string) (nodePool, bool) {
	for _, p := range d.Customization.NodePools {
		if p.Name == name {
			return p, true
		}
	}
	return nodePool{}, false
}

// The forms of a label's key and value, as Kubernetes takes them.
const (
	labelKeyForm   = `([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?`
	labelValueForm = `([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?`
)

var (
	poolNameForm  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$`)
	nodeLabelForm = regexp.MustCompile(`^` + labelKeyForm + `=` + labelValueForm + `$`)
	nodeTaintForm = regexp.MustCompile(`^` + labelKeyForm + `(=` + labelValueForm + `)?:(NoSchedule|PreferNoSchedule|NoExecute)$`)
)

func computeForm() form {
	zones := distinct(textThat(nonEmpty, "Give the name of an availability zone."), "Name each availability zone once.")
	sized := func(more map[string]form, needs ...string) form {
		members := map[string]form{
			"cpu": whole(1), "memory_in_mb": whole(1), "ephemeral_disk_in_mb": whole(1), "persistent_disk_in_mb": whole(1),
			"az_names": zones,
		}
		for name, f := range more {
			members[name] = f
		}
		return object(members, needs...)
	}
	pools := listOf(sized(map[string]form{
		"name":                 textThat(notAPoolName, "Use 1 to 42 lower-case letters, digits and inner hyphens."),
		"description":          text(),
		"instances":            whole(1),
		"max_worker_instances": whole(1),
		"node_labels":          textThat(notEntries(nodeLabelForm), "Write them like disk=ssd,zone=a, without spaces."),
		"node_taints":          textThat(notEntries(nodeTaintForm), "Write them like dedicated=gpu:NoSchedule, without spaces."),
	}, "name", "instances"))
	pools.from = 1
	azs := listOf(object(map[string]form{
		"name":             textThat(nonEmpty, "Give the name of an availability zone."),
		"cpi":              textThat(nonEmpty, "Give the name of a CPI, as 'bosh cpi-config' shows it."),
		"cloud_properties": mapOf(form{kind: formAny}),
		"host_group":       {kind: formAny},
		"drs_rules":        {kind: formAny},
	}, "name", "cpi", "cloud_properties"))
	azs.from = 1
	return object(map[string]form{
		"azs": azs,
		"cluster_customization": object(map[string]form{
			"control_plane": sized(map[string]form{"instances": whole(1)}),
			"node_pools":    pools,
		}),
	})
}

func notAPoolName(text string) string {
	if !poolNameForm.MatchString(text) {
		return fmt.Sprintf("%q cannot be the name of a node pool", Shorten(text))
	}
	return ""
}

func notEntries(entry *regexp.Regexp) func(string) string {
	return func(text string) string {
		if text == "" {
			return ""
		}
		for one := range strings.SplitSeq(text, ",") {
			if !entry.MatchString(one) {
				return fmt.Sprintf("has the entry %q", Shorten(one))
			}
		}
		return ""
	}
}

func validateComputeProfile(raw json.RawMessage) error {
	value, err := parseDocument(raw)
	if err != nil {
		return err
	}
	given, _ := value.(map[string]any)
	for _, old := range []string{"master_azs", "worker_azs"} {
		if given[old] != nil {
			return Failf(CodeInvalidRequest, "parameters.%s is of the kind of profile that there was before product version 1.9.", old).
				WithRemedy("Write cluster_customization.control_plane.az_names and cluster_customization.node_pools[].az_names instead.")
		}
	}
	if err := computeForm().check("parameters", value); err != nil {
		return err
	}
	document, err := readDocument[computeDocument](&Profile{Parameters: raw})
	if err != nil {
		return err
	}
	if len(document.AZs) == 0 && given["cluster_customization"] == nil {
		return Failf(CodeInvalidRequest, "parameters has neither azs nor cluster_customization.").WithRemedy("Say what is to differ from the plan's machines.")
	}
	return document.check()
}

// check holds members against each other.
func (d computeDocument) check() error {
	zones := map[string]bool{}
	for i, az := range d.AZs {
		at := fmt.Sprintf("parameters.azs[%d]", i)
		if zones[az.Name] {
			return Failf(CodeInvalidRequest, "%s.name is %q, which is there twice.", at, az.Name).WithRemedy("Name each availability zone once.")
		}
		zones[az.Name] = true
		if err := checkPlace(at+".cloud_properties", az.CloudProperties); err != nil {
			return err
		}
	}
	masters := d.Customization.ControlPlane
	const control = "parameters.cluster_customization.control_plane"
	if err := masters.check(control); err != nil {
		return err
	}
	if n := masters.Instances; n != 0 && n != 1 && n != 3 && n != 5 {
		return Failf(CodeInvalidRequest, "%s.instances is %d; etcd needs 1, 3 or 5.", control, n)
	}
	return d.checkPools()
}

func (d computeDocument) checkPools() error {
	const pools = "parameters.cluster_customization.node_pools"
	names, schedulable := map[string]bool{}, false
	for i, p := range d.Customization.NodePools {
		at := fmt.Sprintf("%s[%d]", pools, i)
		if names[p.Name] {
			return Failf(CodeInvalidRequest, "%s.name is %q, which is there twice.", at, p.Name).WithRemedy("Give each node pool a name of its own.")
		}
		names[p.Name] = true
		if err := p.check(at); err != nil {
			return err
		}
		if p.MaxWorkerInstances > 0 && p.Instances > p.MaxWorkerInstances {
			return Failf(CodeInvalidRequest, "%s.instances is %d, above its max_worker_instances, which is %d.", at, p.Instances, p.MaxWorkerInstances)
		}
		schedulable = schedulable || !strings.Contains(p.Taints, ":NoSchedule") && !strings.Contains(p.Taints, ":NoExecute")
	}
	if len(names) > 0 && !schedulable {
		return Failf(CodeInvalidRequest, "%s: every node pool has a taint that keeps cluster DNS away.", pools).
			WithRemedy("Leave one pool without NoSchedule and NoExecute taints.")
	}
	return nil
}

// check: a VM's size is given whole or not at all; the persistent disk goes its
// own way.
func (s profileSize) check(at string) error {
	given := 0
	for _, n := range []int{s.CPU, s.MemoryMB, s.EphemeralDiskMB} {
		if n > 0 {
			given++
		}
	}
	if given != 0 && given != 3 {
		return Failf(CodeInvalidRequest, "%s has some of cpu, memory_in_mb and ephemeral_disk_in_mb, but not all.", at).
			WithRemedy("Give all three, or none for the plan's VM type.")
	}
	return nil
}

// checkPlace: an availability zone is one cluster of one datacenter.
func checkPlace(at string, properties map[string]json.RawMessage) error {
	if len(properties) == 0 {
		return Failf(CodeInvalidRequest, "%s is empty.", at).WithRemedy(`Give it, such as {"datacenters":[{"name":"dc","clusters":[{"cl1":{}}]}]}.`)
	}
	raw, ok := properties["datacenters"]
	if !ok {
		return nil
	}
	var datacenters []struct {
		Name     string                       `json:"name"`
		Clusters []map[string]json.RawMessage `json:"clusters"`
	}
	const remedy = `Write it like [{"name":"dc","clusters":[{"cl1":{"resource_pool":"rp"}}]}].`
	if json.Unmarshal(raw, &datacenters) != nil || len(datacenters) != 1 || datacenters[0].Name == "" {
		return Failf(CodeInvalidRequest, "%s.datacenters must hold one datacenter with a name.", at).WithRemedy("%s", remedy)
	}
	if clusters := datacenters[0].Clusters; len(clusters) != 1 || len(clusters[0]) != 1 {
		return Failf(CodeInvalidRequest, "%s.datacenters[0].clusters must hold one cluster.", at).WithRemedy("%s", remedy)
	}
	return nil
}
