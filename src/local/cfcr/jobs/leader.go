package jobs

import (
	"path"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
)

// leads makes a start wait until the cluster has a leader for a lease of kube-system. A program that was
// stopped keeps its lease for 15 s, and as long nobody else does its work: workers that were drained in that
// time would lose pods that are still in their services. A lease that this machine's program left behind is
// released, for a master that is alone would wait for itself.
func (t *template) leads(lease, kubeconfig string) {
	env := map[string]string{
		"LEASE": lease, "KUBECONFIG": kubeconfig,
		"STARTED_FILE": path.Join(t.Vcap, "sys", "run", t.job.Name, "started"),
		// Machines without a name of their own cannot be told apart among the holders.
		"HOLDER": "",
	}
	if !t.Simulated {
		env["HOLDER"] = t.spec.ID
	}
	t.hook(machine.PreStart, "leader-pre-start.sh", 0, env)
	t.hook(machine.PostStart, "leader-post-start.sh", time.Minute, env)
}
