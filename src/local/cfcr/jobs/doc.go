// Package jobs is what the templates of the CFCR releases are on a process machine: it turns what the
// Director tells a machine to be (machine.Spec, the resolved manifest) into what its agent runs
// (agent.Plan): files, processes with their flags, hooks and errands.
//
// The manifest is the one that BOSH would get, and properties mean what they mean there
// (reference/cluster-manifest.md §5), so that a wrong manifest makes a broken cluster here as it would
// there. What differs is what a machine in miniature forces: containerd runs under the name of docker,
// flannel uses its host-gw backend, and settings for a whole host are laid over the kubelet's and
// kube-proxy's configuration (reference/local-kubernetes.md §3). What a manifest asks for and the given
// version of Kubernetes or this kind of machine does not have is left out with a warning, never in silence.
package jobs
