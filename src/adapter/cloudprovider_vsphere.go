package adapter

import "github.com/pks-community/pks-release/src/pks"

// vsphereProvider are vCenter's coordinates. Volumes attach only to workers whose
// vm_extension sets disk.enableUUID.
type vsphereProvider struct {
	Server          string     `json:"server"`
	User            string     `json:"user"`
	Password        pks.Secret `json:"password"`
	Datacenter      string     `json:"datacenter"`
	Datastore       string     `json:"datastore"`
	Folder          string     `json:"folder"` // of the VMs, such as pks_vms
	Insecure        bool       `json:"insecure"`
	WorkerExtension string     `json:"worker_vm_extension"` // default disk_enable_uuid
}

func (*vsphereProvider) jobType() string { return "vsphere" }

func (v *vsphereProvider) check(field string) error {
	return missing(field, [2]string{"server", v.Server}, [2]string{"user", v.User}, [2]string{"password", v.Password.Reveal()},
		[2]string{"datacenter", v.Datacenter}, [2]string{"datastore", v.Datastore}, [2]string{"folder", v.Folder})
}

// properties: only masters talk to vCenter; workers get the type alone.
func (v *vsphereProvider) properties(c *cluster, group string) cloudProviderProperties {
	p := cloudProviderProperties{Provider: cloudProviderSettings{Type: v.jobType()}}
	if group != masterGroup {
		return p
	}
	global := map[string]any{
		"server": v.Server, "user": v.User, "password": c.hide("vsphere_password", v.Password.Reveal()),
		"datacenter": v.Datacenter, "datastore": v.Datastore,
		"working-dir": "/" + v.Datacenter + "/vm/" + v.Folder,
	}
	if v.Insecure {
		global["insecure-flag"] = "1"
	}
	p.Config = map[string]any{"Global": global, "Disk": map[string]any{"scsicontrollertype": "pvscsi"}}
	return p
}

func (v *vsphereProvider) extensions(group string) []string {
	if group == masterGroup {
		return nil
	}
	return present(or(v.WorkerExtension, "disk_enable_uuid"))
}

func (*vsphereProvider) tags(*cluster) map[string]string { return nil }
