package adapter

import "github.com/pivotal-cf/on-demand-services-sdk/bosh"

// Names of the password and key variables (reference/cluster-manifest.md §7).
const (
	passwordAdmin        = "kubo-admin-password"
	passwordKubelet      = "kubelet-password"
	passwordKubeletDrain = "kubelet-drain-password"
	passwordKubeProxy    = "kube-proxy-password"
	passwordManager      = "kube-controller-manager-password"
	passwordScheduler    = "kube-scheduler-password"
	passwordEtcdRoot     = "etcd_user_root_password"
	passwordEtcdFlanneld = "etcd_user_flanneld_password"
	keyServiceAccount    = "service-account-key"
)

const adminUser = "admin"

func (c *cluster) passwordVariables() []bosh.Variable {
	names := []string{
		passwordAdmin, passwordKubelet, passwordKubeletDrain, passwordKubeProxy,
		passwordManager, passwordScheduler, passwordEtcdRoot,
	}
	if c.network.cni == cniFlannel {
		names = append(names, passwordEtcdFlanneld)
	}
	var vars []bosh.Variable
	for _, name := range names {
		vars = append(vars, bosh.Variable{Name: name, Type: "password"})
	}
	return append(vars, bosh.Variable{Name: keyServiceAccount, Type: "rsa"})
}
