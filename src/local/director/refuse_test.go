package director_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// replace changes one place of d1.
func replace(old, now string) string { return strings.Replace(d1, old, now, 1) }

func TestManifestsAreRefusedWithTheRecordedErrors(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	for name, c := range map[string]struct {
		manifest string
		want     []string
	}{
		"only name":               {"name: x", []string{`error 40001 Required property 'releases' was not specified in object ({"name"=>"x"})`}},
		"unknown release":         {replace("releases: [{name: rec, version: 1.0.0}]", "releases: []"), []string{"error 140002 Job 'web' (instance group 'master') references an unknown release 'rec'"}},
		"unknown release version": {replace("version: 1.0.0", "version: 7"), []string{"error 30006 Release version 'rec/7' doesn't exist"}},
		"unknown vm type":         {replace("vm_type: small", "vm_type: huge"), []string{"error 140004 Instance group 'master' references an unknown vm type 'huge'"}},
		"unknown network":         {replace("networks: [{name: default}]", "networks: [{name: zz}]"), []string{"error 150001 Instance group 'master' references an unknown network 'zz'"}},
		"unknown az":              {replace("azs: [z1]", "azs: [z9]"), []string{"error 150006 Instance group 'master' must specify availability zone that matches availability zones of network 'default'"}},
		"unknown disk type":       {replace("persistent_disk_type: d1", "persistent_disk_type: dx"), []string{"error 140012 Instance group 'master' references an unknown disk type 'dx'"}},
		"unknown job":             {replace("name: web, release", "name: wob, release"), []string{"error 140029 Job 'wob' not found in release 'rec'"}},
		"unknown job release":     {replace("name: web, release: rec", "name: web, release: zz"), []string{"error 140002 Job 'web' (instance group 'master') references an unknown release 'zz'"}},
		"unknown stemcell alias":  {replace("stemcell: default", "stemcell: zz"), []string{"error 140005 Instance group 'master' references an unknown stemcell 'zz'"}},
		"static ip count":         {replace("azs: [z1, z2]\n  vm_type: small\n  stemcell: default\n  networks: [{name: default}]", "azs: [z1, z2]\n  vm_type: small\n  stemcell: default\n  networks: [{name: default, static_ips: [10.0.1.200]}]"), []string{"error 150002 Instance group 'worker' has 4 instances but was allocated 1 static IPs in network 'default'"}},
		"bad watch time":          {replace("canary_watch_time: 1000-5000", "canary_watch_time: soon"), []string{"error 180001 Watch time should be an integer or a range of two integers"}},
		"duplicate release":       {replace("{name: rec, version: 1.0.0}", "{name: rec, version: 1.0.0}, {name: rec, version: 2.0.0}"), []string{"error 190002 Duplicate release name 'rec'"}},
		"wrong type of instances": {replace("instances: 4", "instances: many"), []string{`error 40002 Property 'instances' value ("many") did not match the required type 'Integer'`}},
		"unknown vm extension":    {replace("vm_type: small", "vm_type: small\n  vm_extensions: [zz]"), []string{"error 140025 Instance group 'master' references an unknown vm extension 'zz'"}},
		"two disks":               {replace("persistent_disk_type: d1", "persistent_disk_type: d1\n  persistent_disk: 10"), []string{"error 140013 Instance group 'master' specifies more than one of the following keys: 'persistent_disk', 'persistent_disk_type', and 'persistent_disk_pool'. Choose one."}},
		"two sizes":               {replace("vm_type: small", "vm_type: small\n  vm_resources: {cpu: 1, ram: 1, ephemeral_disk_size: 1}"), []string{"error 140003 Instance group 'master' can only specify one of 'resource_pool', 'vm_type' or 'vm_resources' keys."}},
		"migrated from a group that stays": {replace("- name: worker", "- name: worker\n  migrated_from: [{name: master}]"), []string{
			"Preparing deployment [] 1/1 Preparing deployment: started",
			"Preparing deployment [] 1/1 Preparing deployment: failed Failed to migrate instance group 'master' to 'worker'. A deployment can not migrate an instance group and also specify it. Please remove instance group 'master'.",
			"error 190018 Failed to migrate instance group 'master' to 'worker'. A deployment can not migrate an instance group and also specify it. Please remove instance group 'master'.",
		}},
		"migrated twice": {strings.Replace(replace("- name: worker", "- name: worker\n  migrated_from: [{name: old}]"), "- name: master", "- name: master\n  migrated_from: [{name: old}]", 1), []string{
			"Preparing deployment [] 1/1 Preparing deployment: started",
			"Preparing deployment [] 1/1 Preparing deployment: failed Failed to migrate instance group 'old' to 'master'. An instance group may be migrated to only one instance group.",
			"error 190018 Failed to migrate instance group 'old' to 'master'. An instance group may be migrated to only one instance group.",
		}},
		"missing link": {strings.ReplaceAll(d1, "from: mweb", "from: nolink"), []string{
			"error 100 Failed to resolve links from deployment 'd1'. See errors below:\n  - Failed to resolve link 'web' with alias 'nolink' and type 'web' from job 'chk' in instance group 'master'. Details below:\n    - No link providers found\n  - Failed to resolve link 'web' with alias 'nolink' and type 'web' from job 'chk' in instance group 'smoke'. Details below:\n    - No link providers found",
		}},
		"ambiguous link": {strings.ReplaceAll(strings.Replace(d1, ", provides: {web: nil}", "", 1), ", consumes: {web: {from: mweb}}", ""), []string{
			"error 100 Failed to resolve links from deployment 'd1'. See errors below:\n  - Failed to resolve link 'web' with type 'web' from job 'chk' in instance group 'master'. Details below:\n    - Multiple link providers found:\n      - Link provider 'web' with alias 'mweb' from job 'web' in instance group 'master' in deployment 'd1'\n      - Link provider 'web' from job 'web' in instance group 'worker' in deployment 'd1'\n  - Failed to resolve link 'web' with type 'web' from job 'chk' in instance group 'smoke'. Details below:\n    - Multiple link providers found:\n      - Link provider 'web' with alias 'mweb' from job 'web' in instance group 'master' in deployment 'd1'\n      - Link provider 'web' from job 'web' in instance group 'worker' in deployment 'd1'",
		}},
		"name for a password": {replace("- {name: pw, type: password}", "- {name: pw, type: password, consumes: {alternative_name: {from: mweb}}}"), []string{"error 570001 Variable 'pw' can not define 'consumes' key for type 'password'"}},
		"unknown name":        {replace("common_name: ca}}", "common_name: ca}, consumes: {nickname: {from: mweb}}}"), []string{"error 570001 Consumer name 'nickname' is not a valid consumer for variable 'ca'. Acceptable consumer types are: alternative_name, common_name"}},
		"name from no provider": {replace("common_name: ca}}", "common_name: ca}, consumes: {alternative_name: {from: mweb}}}"), []string{
			"error 100 Failed to resolve links from deployment 'd1'. See errors below:\n  - Failed to resolve link 'alternative_name' with alias 'mweb' and type 'address' from variable 'ca'. Details below:\n    - No link providers found",
		}},
		"custom provider without type": {replace("provides: {web: {as: mweb", "custom_provider_definitions: [{name: addr}], provides: {web: {as: mweb"), []string{"error 80013 Name and type of a custom link provider definition of job 'web' must be non-empty strings"}},
		"custom provider twice":        {replace("provides: {web: {as: mweb", "custom_provider_definitions: [{name: addr, type: address}, {name: addr, type: address}], provides: {web: {as: mweb"), []string{"error 80013 Custom provider 'addr' in job 'web' is defined multiple times in manifest."}},
		"custom provider of the release": {replace("provides: {web: {as: mweb", "custom_provider_definitions: [{name: web, type: web}], provides: {web: {as: mweb"), []string{
			"error 100 Manifest defines unknown providers or consumers:\n  - Custom provider 'web' in job 'web' is already defined in release 'rec'",
		}},
		"unknown stemcell": {replace(`version: "1.500"`, `version: "9.9"`), []string{
			"Preparing deployment [] 1/1 Preparing deployment: started",
			"Preparing deployment [] 1/1 Preparing deployment: failed Stemcell version '9.9' for OS 'ubuntu-jammy' doesn't exist",
			"error 50003 Stemcell version '9.9' for OS 'ubuntu-jammy' doesn't exist",
		}},
		"missing variable": {replace("pw: ((pw))", "pw: ((undefd))"), []string{
			"Preparing deployment [] 1/1 Preparing deployment: started",
			"Preparing deployment [] 1/1 Preparing deployment: finished",
			"Preparing deployment [] 2/1 Rendering templates: started",
			"Preparing deployment [] 2/1 Rendering templates: failed " + missingVariable,
			"error 100 " + missingVariable,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := *b
			own.T = t
			text := strings.Replace(c.manifest, "name: d1\n", "name: "+strings.ReplaceAll(name, " ", "-")+"\n", 1)
			want := make([]string, len(c.want))
			for i, line := range c.want {
				want[i] = strings.NewReplacer("deployment 'd1'", "deployment '"+strings.ReplaceAll(name, " ", "-")+"'", "/d1/", "/"+strings.ReplaceAll(name, " ", "-")+"/").Replace(line)
			}
			failed := own.deploy(text, "", "error")
			if diff := cmp.Diff(want, own.script(failed.ID)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const missingVariable = "Unable to render instance groups for deployment. Errors are:\n  - Unable to render jobs for instance group 'master'. Errors are:\n    - Unable to render templates for job 'web'. Errors are:\n      - Failed to find variable '/TestDirector/d1/undefd' from config server: HTTP Code '404', Error: 'Name '/TestDirector/d1/undefd' not found'"

func TestADeployWithoutCloudConfigNamesItsFirstSection(t *testing.T) {
	t.Parallel()
	bare := seed()
	bare.CloudConfig = ""
	b := start(t, setup{seed: &bare})
	failed := b.deploy(d1, "", "error")
	if diff := cmp.Diff([]string{"error 40001 Required property 'networks' was not specified in object ({})"}, b.script(failed.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestAFullSubnetRefusesTheDeployAndGivesItsAddressesBack(t *testing.T) {
	t.Parallel()
	small := seed()
	small.CloudConfig = strings.Replace(cloudConfig, "range: 10.0.1.0/24, reserved: [10.0.1.2-10.0.1.9], static: [10.0.1.200-10.0.1.250]", "range: 10.0.1.0/29", 1)
	b := start(t, setup{seed: &small})
	failed := b.deploy(conformanceManifest("full", 6), "", "error")
	script := b.script(failed.ID)
	if got, want := script[len(script)-1], "error 130011 Failed to reserve IP for 'worker (5)' for manual network 'default': no more available"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	b.deploy(conformanceManifest("fits", 5), "", "done")
}

func TestDryRunOnlyPlans(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	done := b.deploy(d1, "?dry_run=true", "done")
	if done.Description != "create deployment (dry run)" || len(b.script(done.ID)) != 4 {
		t.Errorf("dry run is %+v %q", done, b.script(done.ID))
	}
	if got := b.get("/deployments/d1"); got != `{"manifest":null}` {
		t.Errorf("manifest is %s", got)
	}
	if instances, vms := b.list("/deployments/d1/instances"), b.get("/deployments/d1/vms"); len(instances) != 6 || vms != "[]" {
		t.Errorf("%d instances, machines %s", len(instances), vms)
	}
}

func TestAWrongConfigIsFoundAtTheNextDeploy(t *testing.T) {
	t.Parallel()
	bare := seed()
	bare.CloudConfig = "azs: []\nnetworks: []\n"
	b := start(t, setup{seed: &bare})
	failed := b.deploy(d1, "", "error")
	if diff := cmp.Diff([]string{`error 40001 Required property 'compilation' was not specified in object ({"azs"=>[], "networks"=>[]})`}, b.script(failed.ID)); diff != "" {
		t.Error(diff)
	}
}
