// Package kubeapi stands in for the API servers of clusters whose machines are
// simulated. It speaks enough of the Kubernetes API that client-go and kubectl
// work with namespaces, nodes, service accounts and their tokens, secrets, config
// maps and RBAC, watches, server-side apply and kubectl explain included, and it
// enforces what a real server enforces of these: authentication, RBAC, validation,
// conflicts, and Status objects as answers. It runs no workloads: pods, deployments
// and the like can be listed, there are none, and making one is refused with that
// reason.
//
// The masters of a deployment share one set of objects, kept in one file.
package kubeapi
