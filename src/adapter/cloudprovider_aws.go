package adapter

import "github.com/pks-community/pks-release/src/pks"

// awsProvider: machines get their rights from instance profiles, named by
// vm_extension, or else from a key.
type awsProvider struct {
	MasterExtension string     `json:"master_vm_extension"` // such as iam_instance_profile_master
	WorkerExtension string     `json:"worker_vm_extension"`
	AccessKeyID     string     `json:"access_key_id"`
	SecretAccessKey pks.Secret `json:"secret_access_key"`
}

type awsKey struct {
	AccessKeyID     string `yaml:"access_key_id"`
	SecretAccessKey string `yaml:"secret_access_key"`
}

func (*awsProvider) jobType() string { return "aws" }

func (a *awsProvider) check(field string) error {
	if (a.AccessKeyID == "") != (a.SecretAccessKey == "") {
		return refuse("%s has only one of access_key_id and secret_access_key.", field).WithRemedy("Give both, or use instance profiles.")
	}
	return nil
}

func (a *awsProvider) properties(c *cluster, _ string) cloudProviderProperties {
	p := cloudProviderProperties{Provider: cloudProviderSettings{Type: a.jobType()}}
	if a.AccessKeyID != "" {
		p.Provider.AWS = &awsKey{AccessKeyID: a.AccessKeyID, SecretAccessKey: c.hide("aws_secret_access_key", a.SecretAccessKey.Reveal())}
	}
	return p
}

func (a *awsProvider) extensions(group string) []string {
	if group == masterGroup {
		return present(a.MasterExtension)
	}
	return present(a.WorkerExtension)
}

// tags let the cloud provider find what belongs to the cluster.
func (*awsProvider) tags(c *cluster) map[string]string {
	return map[string]string{"KubernetesCluster": c.deployment, "kubernetes.io/cluster/" + c.deployment: ""}
}
