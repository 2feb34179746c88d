// This module's requirements depend on the Kubernetes minor: build with -modfile=../1.36/go.mod.
// Go wants a go.mod here to know where the module begins, and reads nothing else of it.
module github.com/pks-community/pks-release/tools/kubernetes/kube
