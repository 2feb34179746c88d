// Package process is the machine.Driver whose machines are real: each runs the components of
// Kubernetes as processes of this host, in namespaces of their own where the kernel allows it. It puts
// together what others make: binaries (package kubernetes), namespaces and agents (isolation, agent)
// and rendered jobs (cfcr/jobs), and adds what a data centre has around its machines: addresses that
// the host can reach, names that follow healthy masters, and a load balancer per cluster.
package process
