// Kube is etcd, the Kubernetes servers, the node's agents and kubectl in one program, so that a machine with all
// of them needs their common 120 MB once on disk and in memory. It does what the name says under which it is
// called (`kubelet`, as a link to it), or else what its first argument names (`kube kubelet`).
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/component-base/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"github.com/pks-community/pks-release/tools/kubernetes/kube/hosts"
)

// programs returns what this binary can be, by name. Only the chosen one may be constructed: several of the
// constructors install the process's signal handler, which panics the second time.
func programs() map[string]func() {
	return map[string]func(){
		"etcd":                    func() { etcdmain.Main(os.Args) },
		"kube-apiserver":          server(apiserver.NewAPIServerCommand),
		"kube-controller-manager": server(controllermanager.NewControllerManagerCommand),
		"kube-proxy":              server(kubeproxy.NewProxyCommand),
		"kube-scheduler":          server(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
		"kubectl": func() {
			if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
				kubectlutil.CheckErr(err)
			}
		},
		"kubelet": server(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }),
	}
}

func server(command func() *cobra.Command) func() {
	return func() { os.Exit(cli.Run(command())) }
}

func main() {
	if file := os.Getenv(hosts.Variable); file != "" {
		net.DefaultResolver = hosts.Resolver(file)
	}
	known := programs()
	name, found := chosen(os.Args[0], known)
	if !found && len(os.Args) > 1 {
		os.Args = os.Args[1:]
		if os.Args[0] == "--version" {
			fmt.Println("Kubernetes", version.Get().GitVersion)
			return
		}
		name, found = chosen(os.Args[0], known)
	}
	if !found {
		names := make([]string, 0, len(known))
		for name := range known {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "usage: kube PROGRAM [ARGUMENT…], or a link of the program's name to kube\nprograms: %s\n", strings.Join(names, " "))
		os.Exit(2)
	}
	known[name]()
}

// chosen takes argv[0] and says which program it names.
func chosen(argument string, known map[string]func()) (string, bool) {
	name := filepath.Base(argument)
	_, found := known[name]
	return name, found
}
