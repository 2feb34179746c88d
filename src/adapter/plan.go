package adapter

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

	"github.com/pks-community/pks-release/src/pks"
)

// The instance groups of a plan. Node pools of a compute profile take what they
// do not say themselves from the worker group.
const (
	masterGroup = "master"
	workerGroup = "worker"
	addonsGroup = "apply-addons"
)

// planProperties is the "properties" object of a plan, after the broker laid the
// plan's over the global ones. docs/plans.md explains every member. Each may be
// left out; unknown ones are refused.
type planProperties struct {
	MaxWorkerInstances        int  `json:"max_worker_instances"`
	AllowPrivilegedContainers bool `json:"allow_privileged_containers"`

	AdmissionPlugins         []string       `json:"admission_plugins"`
	DisabledAdmissionPlugins []string       `json:"disabled_admission_plugins"`
	AnonymousAuth            *bool          `json:"anonymous_auth"`
	AuditPolicy              map[string]any `json:"audit_policy"`

	Network  planNetwork       `json:"network"`
	Proxy    *proxyProperties  `json:"proxy"`
	OIDC     *oidcProperties   `json:"oidc"`
	Syslog   *syslogProperties `json:"syslog"`
	IaaS     cloudProvider     `json:"cloud_provider"`
	Drain    pks.DrainSettings `json:"drain"`
	Kubelet  kubeletReserves   `json:"kubelet"`
	Docker   dockerSettings    `json:"docker"`
	Etcd     etcdSettings      `json:"etcd"`
	Workers  rolling           `json:"workers"`
	AddOns   string            `json:"add_ons"`
	Roles    []namedSpec       `json:"post_start_specs"`
	Tags     map[string]string `json:"tags"`
	Binding  bindingSettings   `json:"binding"`
	Backup   bool              `json:"backup"`
	NFS      bool              `json:"nfs"`
	SMB      bool              `json:"smb"`
	Swap     *bool             `json:"swap"`
	Watches  int               `json:"inotify_max_user_watches"`
	Certs    certificates      `json:"certificates"`
	AddonsIn int               `json:"add_ons_timeout_seconds"`
}

// rolling says how the worker groups are updated.
type rolling struct {
	MaxInFlight any `json:"max_in_flight"` // number or "N%", per AZ
	Canaries    int `json:"canaries"`
}

// namedSpec is YAML text that the masters apply once they have started.
type namedSpec struct {
	Name  string `json:"name" yaml:"name"`
	Value string `json:"value" yaml:"value"`
}

// plan is the broker's plan, checked.
type plan struct {
	planProperties
	master, worker, addons serviceadapter.InstanceGroup
	errands                serviceadapter.LifecycleErrands
	update                 *serviceadapter.Update
}

func newPlan(in serviceadapter.Plan) (plan, error) {
	p := plan{errands: in.LifecycleErrands, update: in.Update}
	raw, err := json.Marshal(in.Properties)
	if err != nil {
		return plan{}, refuse("plan.properties cannot be read.").WithCause(err)
	}
	if err := decodeStrict("plan.properties", raw, &p.planProperties); err != nil {
		return plan{}, err
	}
	if err := p.chooseGroups(in.InstanceGroups); err != nil {
		return plan{}, err
	}
	return p, p.check()
}

func (p *plan) chooseGroups(groups []serviceadapter.InstanceGroup) error {
	byName := map[string]serviceadapter.InstanceGroup{}
	for _, g := range groups {
		if _, twice := byName[g.Name]; twice {
			return refuse("plan.instance_groups names %q twice.", g.Name).WithRemedy("Keep one of them.")
		}
		byName[g.Name] = g
	}
	known := []string{masterGroup, workerGroup, addonsGroup}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if !slices.Contains(known, name) {
			return refuse("plan.instance_groups: %q is not a group of a cluster.", name).WithRemedy("The groups are %s.", list(known))
		}
	}
	for _, name := range known[:2] {
		if _, ok := byName[name]; !ok {
			return refuse("plan.instance_groups has no group %q.", name).WithRemedy("Add it with vm_type, instances, networks and azs.")
		}
	}
	p.master, p.worker = byName[masterGroup], byName[workerGroup]
	addons, ok := byName[addonsGroup]
	if !ok {
		addons = serviceadapter.InstanceGroup{Name: addonsGroup, Instances: 1, VMType: p.master.VMType, Networks: p.master.Networks, AZs: p.master.AZs[:min(1, len(p.master.AZs))]}
	}
	p.addons = addons
	return nil
}

func (p *plan) check() error {
	if err := checkMasterCount("plan.instance_groups.master.instances", p.master.Instances); err != nil {
		return err
	}
	if p.master.PersistentDiskType == "" {
		return refuse("plan.instance_groups.master.persistent_disk_type is missing: etcd keeps the cluster's state there.").
			WithRemedy("Name a disk type of the cloud config.")
	}
	if p.MaxWorkerInstances < 0 {
		return refuse("plan.properties.max_worker_instances is %d.", p.MaxWorkerInstances).WithRemedy("Give a number of at least 1, or leave it out for no limit.")
	}
	if p.MaxWorkerInstances > 0 && p.worker.Instances > p.MaxWorkerInstances {
		return refuse("plan.instance_groups.worker.instances is %d, more than plan.properties.max_worker_instances, %d.", p.worker.Instances, p.MaxWorkerInstances).
			WithRemedy("Lower the one or raise the other.")
	}
	for _, g := range []serviceadapter.InstanceGroup{p.master, p.worker, p.addons} {
		switch {
		case g.VMType == "":
			return refuse("plan.instance_groups.%s.vm_type is missing.", g.Name).WithRemedy("Name a VM type of the cloud config.")
		case len(g.AZs) == 0:
			return refuse("plan.instance_groups.%s.azs is empty.", g.Name).WithRemedy("Name at least one availability zone of the cloud config.")
		case len(g.Networks) == 0:
			return refuse("plan.instance_groups.%s.networks is empty.", g.Name).WithRemedy("Name a network of the cloud config.")
		case g.Instances < 1:
			return refuse("plan.instance_groups.%s.instances is %d.", g.Name, g.Instances).WithRemedy("Give a number of at least 1.")
		}
	}
	for _, g := range []serviceadapter.InstanceGroup{p.master, p.worker} {
		if g.Lifecycle != "" && g.Lifecycle != "service" {
			return refuse("plan.instance_groups.%s.lifecycle is %q.", g.Name, g.Lifecycle).WithRemedy("Leave it out: its machines run all the time.")
		}
		if twice := firstRepeated(g.AZs); twice != "" {
			return refuse("plan.instance_groups.%s.azs names %q twice.", g.Name, twice).WithRemedy("Name each availability zone once.")
		}
	}
	if p.addons.Lifecycle != "" && p.addons.Lifecycle != "errand" {
		return refuse("plan.instance_groups.apply-addons.lifecycle is %q.", p.addons.Lifecycle).WithRemedy("Leave it out, or write errand.")
	}
	for _, check := range []func() error{
		p.checkAdmission, p.IaaS.check, p.Syslog.check, p.OIDC.check, p.Binding.check, p.Workers.check, p.Etcd.check, p.Certs.check,
		func() error { return p.Proxy.check("plan.properties.proxy") },
		func() error { return checkDrain("plan.properties.drain", p.Drain) },
		func() error { return p.Kubelet.check() },
		func() error { return checkYAML("plan.properties.add_ons", p.AddOns) },
		p.checkRoles, p.checkTags, p.checkOddments, p.checkUpdate, p.checkNSXT,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkUpdate: with groups in parallel, workers would start before any API server
// is there and fail (reference/cluster-manifest.md §10).
func (p *plan) checkUpdate() error {
	if u := p.update; u != nil {
		if u.Serial != nil && !*u.Serial {
			return refuse("plan.update.serial is false: workers would start before the masters.").WithRemedy("Remove it, or set it to true.")
		}
		if u.CanaryWatchTime == "" || u.UpdateWatchTime == "" {
			return refuse("plan.update has no canary_watch_time or update_watch_time.").WithRemedy("Give both, such as %s.", watchTime)
		}
	}
	return nil
}

func (p *plan) checkNSXT() error {
	if or(p.Network.CNI, cniFlannel) == cniNSXT {
		return p.Network.NSXT.check()
	}
	return nil
}

func (p *plan) checkRoles() error {
	for _, spec := range p.Roles {
		if spec.Name == "" || spec.Value == "" {
			return refuse("plan.properties.post_start_specs has an entry without name or value.").WithRemedy("Give both.")
		}
		if err := checkYAML("plan.properties.post_start_specs."+spec.Name, spec.Value); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) checkOddments() error {
	if p.Watches < 0 {
		return refuse("plan.properties.inotify_max_user_watches is %d.", p.Watches).WithRemedy("Give a positive number, or leave it out.")
	}
	if p.AddonsIn < 0 {
		return refuse("plan.properties.add_ons_timeout_seconds is %d.", p.AddonsIn).WithRemedy("Give a positive number, or leave it out for 1200.")
	}
	return nil
}

// checkMasterCount refuses what gives etcd no majority to lose a member from
// (reference/cluster-manifest.md §9.1).
func checkMasterCount(field string, n int) error {
	if n != 1 && n != 3 && n != 5 {
		return refuse("%s is %d.", field, n).WithRemedy("Choose 1, 3 or 5.")
	}
	return nil
}

func (r rolling) check() error {
	const field = "plan.properties.workers.max_in_flight"
	remedy := "Give a positive number such as 4, or a percentage such as \"20%\"."
	switch v := r.MaxInFlight.(type) {
	case nil:
	case int64:
		if v < 1 || v > 1000 {
			return refuse("%s is %d.", field, v).WithRemedy("%s", remedy)
		}
	case string:
		if !percentage.MatchString(v) {
			return refuse("%s is %q.", field, v).WithRemedy("%s", remedy)
		}
	default:
		return refuse("%s is neither a number nor a text.", field).WithRemedy("%s", remedy)
	}
	if r.Canaries < 0 {
		return refuse("plan.properties.workers.canaries is %d.", r.Canaries).WithRemedy("Give a number of at least 1, or leave it out.")
	}
	return nil
}

func firstRepeated(words []string) string {
	seen := map[string]bool{}
	for _, w := range words {
		if seen[w] {
			return w
		}
		seen[w] = true
	}
	return ""
}
