package stack

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// offeredPlan is a plan with what BOSH needs to know of it.
type offeredPlan struct {
	pks.Plan
	masterVM, workerVM string
	azs                []string
	logins             bool // people log in to the cluster itself, by UAA
}

const errandVM = "micro"

// balancersByte is the third byte of the addresses at which the load balancers of
// process machines' clusters listen.
const balancersByte = 254

// offeredPlans are what the embedded stack sells. Their ids never change: a
// cluster remembers its plan by id.
func offeredPlans() []offeredPlan {
	zones := []string{"z1", "z2", "z3"}
	plans := []offeredPlan{
		{pks.Plan{
			ID: "8a0e21a8-8072-4d80-b365-d1f502085560", Name: "small",
			Description:     "1 master and 2 workers, for trying things out",
			MasterInstances: 1, WorkerInstances: 2, MaxWorkerInstances: 10,
		}, "medium", "small", zones[:1], false},
		{pks.Plan{
			ID: "58375a45-17f7-4291-acf1-455bfdc8e371", Name: "medium",
			Description:     "3 masters and 2 workers over three zones",
			MasterInstances: 3, WorkerInstances: 2, MaxWorkerInstances: 30, AllowPrivilegedContainers: true,
		}, "medium", "small", zones, false},
		{pks.Plan{
			ID: "241118e5-69b2-4ef9-b47f-4d2ab071aff5", Name: "large",
			Description:     "5 masters and 10 workers over three zones",
			MasterInstances: 5, WorkerInstances: 10, MaxWorkerInstances: 100, AllowPrivilegedContainers: true,
		}, "medium", "large", zones, false},
		{pks.Plan{
			ID: "c2a4e1f0-0c7b-4f5e-9d7a-3f6d2b1e8a94", Name: "sso",
			Description:     "1 master and 2 workers; people log in to the cluster with their own names",
			MasterInstances: 1, WorkerInstances: 2, MaxWorkerInstances: 10,
		}, "medium", "small", zones[:1], true},
	}
	sizes := map[string]pks.MachineSize{}
	for _, t := range vmTypes() {
		sizes[t.name] = t.size
	}
	for i := range plans {
		plans[i].CNI = pks.CNIFlannel
		plans[i].MasterVM, plans[i].WorkerVM = sizes[plans[i].masterVM], sizes[plans[i].workerVM]
	}
	return plans
}

// vmType is a size of machine. Those of the plans small and medium are for a
// laptop; the sizes are limits of what process machines may use.
type vmType struct {
	name   string
	size   pks.MachineSize
	diskMB int
}

func vmTypes() []vmType {
	return []vmType{
		{errandVM, pks.MachineSize{CPU: 1, MemoryMB: 1024}, 8192},
		{"small", pks.MachineSize{CPU: 1, MemoryMB: 1024}, 16384},
		{"medium", pks.MachineSize{CPU: 2, MemoryMB: 2048}, 32768},
		{"large", pks.MachineSize{CPU: 4, MemoryMB: 8192}, 65536},
	}
}

// cloudConfig is the IaaS that the embedded Director pretends to have. The
// addresses are loopback ones: a machine can listen on its own. The last are those
// of load balancers.
func cloudConfig(subnet netip.Prefix) string {
	first := gateway(subnet)
	reserved := first
	for range 8 {
		reserved = reserved.Next()
	}
	prefix := subnet.Addr().As4()
	prefix[2] = balancersByte
	balancers := netip.PrefixFrom(netip.AddrFrom4(prefix), 24)
	var types strings.Builder
	for _, t := range vmTypes() {
		fmt.Fprintf(&types, "- {name: %s, cloud_properties: {cpu: %d, ram: %d, ephemeral_disk_size: %d}}\n", t.name, t.size.CPU, t.size.MemoryMB, t.diskMB)
	}
	return strings.NewReplacer("VM_TYPES\n", types.String(), "BALANCERS", balancers.String(), "RANGE", subnet.String(), "GATEWAY", first.String(), "RESERVED", reserved.String()).Replace(cloudConfigText)
}

const cloudConfigText = `# The cloud config of the embedded BOSH Director.
azs:
- name: z1
- name: z2
- name: z3
vm_types:
VM_TYPES
disk_types:
- {name: 5GB, disk_size: 5120}
- {name: 10GB, disk_size: 10240}
- {name: 50GB, disk_size: 51200}
networks:
- name: default
  type: manual
  subnets:
  - range: RANGE
    gateway: GATEWAY
    azs: [z1, z2, z3]
    dns: [GATEWAY]
    reserved: [GATEWAY - RESERVED, BALANCERS]
compilation:
  workers: 5
  az: z1
  vm_type: small
  network: default
  reuse_compilation_vms: true
`
