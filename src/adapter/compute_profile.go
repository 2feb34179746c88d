package adapter

import (
	"fmt"
	"regexp"
	"strings"
)

// computeProfile is the "parameters" object of a compute profile
// (reference/pks-product.md §8, pks-api.md §9).
type computeProfile struct {
	AZs           []profileAZ `json:"azs"`
	Customization struct {
		ControlPlane controlPlaneSize `json:"control_plane"`
		NodePools    []nodePool       `json:"node_pools"`
	} `json:"cluster_customization"`
}

type profileAZ struct {
	Name            string         `json:"name"`
	CPI             string         `json:"cpi"`
	CloudProperties map[string]any `json:"cloud_properties"`
	HostGroup       any            `json:"host_group"`
	DRSRules        any            `json:"drs_rules"`
}

// machineSize is given whole or not at all; the disk goes its own way.
type machineSize struct {
	CPU              int `json:"cpu"`
	MemoryMB         int `json:"memory_in_mb"`
	EphemeralDiskMB  int `json:"ephemeral_disk_in_mb"`
	PersistentDiskMB int `json:"persistent_disk_in_mb"`
}

type controlPlaneSize struct {
	machineSize
	AZNames   []string `json:"az_names"`
	Instances int      `json:"instances"`
}

type nodePool struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	machineSize
	AZNames            []string `json:"az_names"`
	Instances          int      `json:"instances"`
	MaxWorkerInstances int      `json:"max_worker_instances"`
	Labels             string   `json:"node_labels"`
	Taints             string   `json:"node_taints"`
}

// The forms of a label's key and value.
const (
	labelKey   = `([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?`
	labelValue = `([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?`
)

var (
	poolName  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$`)
	nodeLabel = regexp.MustCompile(`^` + labelKey + `=` + labelValue + `$`)
	nodeTaint = regexp.MustCompile(`^` + labelKey + `(=` + labelValue + `)?:(NoSchedule|PreferNoSchedule|NoExecute)$`)
)

// sizes settles what the machines are: node pools and master size from the
// compute profile, or the plan's one worker group.
func (c *cluster) sizes() error {
	if c.spec.ComputeProfile == nil || len(c.spec.ComputeProfile.Parameters) == 0 {
		return c.plainWorkers()
	}
	field := fmt.Sprintf("compute_profile %q", c.spec.ComputeProfile.Name)
	var profile computeProfile
	if err := decodeStrict(field, c.spec.ComputeProfile.Parameters, &profile); err != nil {
		return err
	}
	for _, az := range profile.AZs {
		if az.Name == "" || az.CPI == "" || len(az.CloudProperties) == 0 {
			return refuse("%s: an entry of azs has no name, cpi or cloud_properties.", field).WithRemedy("Give all three.")
		}
	}
	if err := c.sizeMasters(field, profile.Customization.ControlPlane); err != nil {
		return err
	}
	c.profileAZs = profile.AZs
	if len(profile.Customization.NodePools) == 0 {
		return c.plainWorkers()
	}
	return c.sizePools(field, profile.Customization.NodePools)
}

// plainWorkers is the plan's worker group with the number asked for, else the
// plan's.
func (c *cluster) plainWorkers() error {
	if len(c.spec.NodePoolInstances) > 0 {
		return refuse("node_pool_instances is set, but the cluster has no node pools.").WithRemedy("Use kubernetes_worker_instances, or a compute profile with node pools.")
	}
	n := c.spec.WorkerInstances
	if n == 0 {
		n = c.plan.worker.Instances
	}
	if err := checkWorkers("kubernetes_worker_instances", n, c.plan.MaxWorkerInstances); err != nil {
		return err
	}
	c.pools = []pool{{group: workerGroup, instances: n}}
	return nil
}

func checkWorkers(field string, n, most int) error {
	if n < 1 {
		return refuse("%s is %d.", field, n).WithRemedy("Give a number of at least 1.")
	}
	if most > 0 && n > most {
		return refuse("%s is %d; the plan allows at most %d.", field, n, most).WithRemedy("Choose a number from 1 to %d, or a plan that allows more.", most)
	}
	return nil
}

func (c *cluster) sizeMasters(field string, size controlPlaneSize) error {
	field += ": control_plane"
	if err := size.check(field); err != nil {
		return err
	}
	if size.Instances != 0 {
		if err := checkMasterCount(field+".instances", size.Instances); err != nil {
			return err
		}
	}
	if twice := firstRepeated(size.AZNames); twice != "" {
		return refuse("%s.az_names names %q twice.", field, twice).WithRemedy("Name each availability zone once.")
	}
	c.masterInstances = size.Instances
	c.size.master = c.sized(masterGroup, size.machineSize, size.AZNames)
	return nil
}

func (c *cluster) sizePools(field string, pools []nodePool) error {
	seen, total, schedulable := map[string]bool{}, 0, false
	for _, p := range pools {
		if !poolName.MatchString(p.Name) {
			return refuse("%s: %q cannot be the name of a node pool.", field, p.Name).WithRemedy("Use 1 to 42 lower-case letters, digits and inner hyphens.")
		}
		where := field + ": node pool " + p.Name
		if seen[p.Name] {
			return refuse("%s is there twice.", where).WithRemedy("Give each pool a name of its own.")
		}
		seen[p.Name] = true
		if err := p.check(where); err != nil {
			return err
		}
		n := p.Instances
		if override, ok := c.spec.NodePoolInstances[p.Name]; ok {
			n = override
		}
		if err := checkWorkers(where+" instances", n, p.MaxWorkerInstances); err != nil {
			return err
		}
		total += n
		schedulable = schedulable || !strings.Contains(p.Taints, ":NoSchedule") && !strings.Contains(p.Taints, ":NoExecute")
		group := workerGroup + "-" + p.Name
		c.pools = append(c.pools, pool{
			group: group, instances: n, labels: p.Labels, taints: p.Taints,
			size: c.sized(group, p.machineSize, p.AZNames),
		})
	}
	for name := range c.spec.NodePoolInstances {
		if !seen[name] {
			return refuse("node_pool_instances names %q, which is no node pool of %s.", name, field).WithRemedy("Name one of the profile's pools.")
		}
	}
	if !schedulable {
		return refuse("%s: every node pool has a taint that keeps cluster DNS away.", field).WithRemedy("Leave one pool without NoSchedule and NoExecute taints.")
	}
	return checkWorkers(field+": instances of all node pools", total, c.plan.MaxWorkerInstances)
}

func (p nodePool) check(field string) error {
	if err := p.machineSize.check(field); err != nil {
		return err
	}
	if twice := firstRepeated(p.AZNames); twice != "" {
		return refuse("%s: az_names names %q twice.", field, twice).WithRemedy("Name each availability zone once.")
	}
	for _, set := range []struct {
		name, text string
		form       *regexp.Regexp
		example    string
	}{{"node_labels", p.Labels, nodeLabel, "disk=ssd,zone=a"}, {"node_taints", p.Taints, nodeTaint, "dedicated=gpu:NoSchedule"}} {
		if set.text == "" {
			continue
		}
		for entry := range strings.SplitSeq(set.text, ",") {
			if !set.form.MatchString(entry) {
				return refuse("%s: %s has the entry %q.", field, set.name, entry).WithRemedy("Write them like %s, without spaces.", set.example)
			}
		}
	}
	return nil
}

func (m machineSize) check(field string) error {
	given := 0
	for _, n := range []int{m.CPU, m.MemoryMB, m.EphemeralDiskMB} {
		if n < 0 {
			return refuse("%s has a negative size.", field).WithRemedy("Give positive numbers.")
		}
		if n > 0 {
			given++
		}
	}
	if m.PersistentDiskMB < 0 {
		return refuse("%s.persistent_disk_in_mb is negative.", field).WithRemedy("Give a positive number.")
	}
	if given != 0 && given != 3 {
		return refuse("%s has some of cpu, memory_in_mb and ephemeral_disk_in_mb, but not all.", field).WithRemedy("Give all three, or none for the plan's VM type.")
	}
	return nil
}
