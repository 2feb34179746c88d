package main

import (
	"strings"
	"testing"
)

const upstream = `module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

require (
	github.com/spf13/cobra v1.10.2
	k8s.io/api v0.0.0
	k8s.io/klog/v2 v2.140.0
	k8s.io/sample-cli-plugin v0.0.0
)

require github.com/beorn7/perks v1.0.1 // indirect

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/sample-cli-plugin => ./staging/src/k8s.io/sample-cli-plugin
)
`

const want = `module github.com/pks-community/pks-release/tools/kubernetes/kube

go 1.26.0

godebug default=go1.26

require (
	github.com/spf13/cobra v1.10.2
	k8s.io/api v0.36.3
	k8s.io/klog/v2 v2.140.0
	k8s.io/kubernetes v1.36.3
)

require github.com/beorn7/perks v1.0.1 // indirect

replace k8s.io/api => k8s.io/api v0.36.3
`

func TestDerivedModulePinsWhatKubernetesWasTestedWith(t *testing.T) {
	t.Parallel()
	got, err := derive([]byte(upstream), "1.36.3")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestWhatIsNoModuleFileIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := derive([]byte("require {"), "1.36.3"); err == nil || !strings.Contains(err.Error(), "read go.mod of Kubernetes") {
		t.Errorf("got %v", err)
	}
}
