package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// Render turns a specification into what the machine's agent runs. The warnings are sentences for the
// operator, each once: they name job, property and version of what has no effect. An error names the job
// and the property that is missing or wrong, or a job that is not known; it holds no secrets.
func Render(spec machine.Spec, e Environment) (plan agent.Plan, warnings []string, err error) {
	minor, err := minorOf(e.Kubernetes)
	if err != nil {
		return agent.Plan{}, nil, err
	}
	known := templates()
	ordered := slices.Clone(spec.Jobs)
	slices.SortStableFunc(ordered, func(a, b machine.Job) int { return cmp.Compare(rank(a.Name), rank(b.Name)) })
	told := &told{}
	var errs []error
	for _, j := range ordered {
		render, ok := known[j.Name]
		if !ok {
			errs = append(errs, fmt.Errorf("job %s of release %s cannot run on a process machine: it is not one of those a cluster is made of", j.Name, j.Release))
			continue
		}
		t := &template{Environment: e, spec: spec, job: j, minor: minor, told: told, out: agent.Job{Name: j.Name}}
		render(t)
		errs = append(errs, t.errs...)
		plan.Jobs = append(plan.Jobs, t.out)
	}
	if err := errors.Join(errs...); err != nil {
		return agent.Plan{}, told.sentences, err
	}
	return plan, told.sentences, nil
}

// templates are the jobs that are known.
func templates() map[string]func(*template) {
	nothing := func(*template) {}
	return map[string]func(*template){
		"etcd":                    etcd,
		"kube-apiserver":          apiServer,
		"kube-controller-manager": controllerManager,
		"kube-scheduler":          scheduler,
		"kubernetes-roles":        roles,
		"flanneld":                flanneld,
		"docker":                  docker,
		"kubelet":                 kubelet,
		"kube-proxy":              kubeProxy,
		"apply-specs":             applySpecs,
		"smoke-tests":             smokeTests,
		"cloud-provider":          cloudProvider,

		"bpm":              nothing, // the agent supervises
		"kubo-dns-aliases": nothing, // Hosts has them

		"kubernetes-dependencies": dependencies,
		"cifs-utils":              without("SMB volumes cannot be mounted"),
		"syslog_forwarder":        without("logs are not forwarded"),
		"sysctl":                  without("kernel settings are those of this host"),
		"bbr-etcd":                without("there is no backup by BBR"),
		"bbr-kube-apiserver":      without("there is no backup by BBR"),
		"ncp":                     nsx,
		"ovsdb-server":            nsx,
		"ovs-vswitchd":            nsx,
		"nsx-node-agent":          nsx,
		"nsx-kube-proxy":          nsx,
	}
}

// rank orders the jobs of a machine by what needs what; processes start in this order and stop in
// reverse (reference/local-kubernetes.md §4.4).
func rank(job string) int {
	order := []string{
		"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubernetes-roles",
		"flanneld", "docker", "kubelet", "kube-proxy",
	}
	if i := slices.Index(order, job); i >= 0 {
		return i
	}
	return len(order)
}

// without renders a job that has no counterpart on a process machine.
func without(consequence string) func(*template) {
	return func(t *template) { t.warn("it does nothing on a process machine: %s", consequence) }
}

func nsx(t *template) {
	t.told.add("The jobs of NSX-T do nothing on a process machine: pods and services get no network.")
}

func dependencies(t *template) {
	if t.flag("nfs", false) {
		t.warn("property nfs does nothing on a process machine: NFS volumes need this host's own mount.nfs")
	}
}

// told gathers warnings.
type told struct{ sentences []string }

func (t *told) add(sentence string) {
	if !slices.Contains(t.sentences, sentence) {
		t.sentences = append(t.sentences, sentence)
	}
}
