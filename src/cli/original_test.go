package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// original are the commands and flags that scripts for pks and tkgi may use
// (reference/pks-cli.md §4 to §9): names with their short forms.
func original() map[string]string {
	const sso = " sso sso-auto sso-passcode"
	return map[string]string{
		"login":                     "a/api u/username p/password ca-cert k/skip-ssl-validation skip-ssl-verification client-name client-secret timeout" + sso,
		"logout":                    "",
		"plans":                     "json",
		"create-cluster":            "e/external-hostname p/plan n/num-nodes network-profile kubernetes-profile compute-profile node-pool-instances tags config-file private-registries wait non-interactive json",
		"cluster":                   "json details",
		"clusters":                  "json",
		"resize":                    "n/num-nodes node-pool-instances tags wait non-interactive json",
		"delete-cluster":            "non-interactive wait",
		"get-credentials":           strings.TrimSpace(sso),
		"get-kubeconfig":            "a/api u/username p/password ca-cert k/skip-ssl-validation" + sso,
		"update-cluster":            "num-nodes network-profile kubelet-drain-timeout kubelet-drain-grace-period kubelet-drain-force kubelet-drain-ignore-daemonsets kubelet-drain-delete-local-data kubelet-drain-force-node kubernetes-profile tags compute-profile node-pool-instances config-file enforce-compute-profile-update private-registries json wait non-interactive",
		"upgrade-cluster":           "json non-interactive wait nodes-parallel pre-check",
		"upgrade-clusters":          "c/clusters canaries max-in-flight json wait non-interactive",
		"task":                      "json",
		"tasks":                     "l/limit json",
		"cancel-task":               "",
		"network-profiles":          "json",
		"network-profile":           "json",
		"create-network-profile":    "",
		"delete-network-profile":    "non-interactive",
		"kubernetes-profiles":       "json",
		"kubernetes-profile":        "json",
		"create-kubernetes-profile": "",
		"delete-kubernetes-profile": "non-interactive",
		"compute-profiles":          "json",
		"compute-profile":           "json",
		"create-compute-profile":    "",
		"delete-compute-profile":    "non-interactive",
		"certificates":              "d/days json non-interactive wait",
		"rotate-certificates":       "only-nsx all skip-nsx json wait non-interactive",
		"promote-cluster-to-policy": "json non-interactive wait",
	}
}

func TestScriptsForTheOriginalFindEveryFlag(t *testing.T) {
	t.Parallel()
	none := &bytes.Buffer{}
	root := newRoot(newFactory(System{Name: "pks", In: none, Out: none, Err: none, Getenv: func(string) string { return "" }}))
	commands := map[string]*cobra.Command{}
	for _, c := range root.Commands() {
		commands[c.Name()] = c
	}
	var missing []string
	for name, flags := range original() {
		c := commands[name]
		if c == nil {
			missing = append(missing, name)
			continue
		}
		has := map[string]bool{}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			has[f.Name] = true
			if f.Shorthand != "" {
				has[f.Shorthand+"/"+f.Name] = true
			}
		})
		for flag := range strings.FieldsSeq(flags) {
			if !has[flag] {
				missing = append(missing, name+" --"+flag)
			}
		}
	}
	for command, alias := range map[string]string{
		"kubernetes-profiles": "k8s-profiles", "kubernetes-profile": "k8s-profile", "create-kubernetes-profile": "create-k8s-profile",
		"delete-kubernetes-profile": "delete-k8s-profile", "rotate-certificates": "rotate-certs", "promote-cluster-to-policy": "promote-cluster",
	} {
		if c := commands[command]; c == nil || !slices.Contains(c.Aliases, alias) {
			missing = append(missing, command+" as "+alias)
		}
	}
	slices.Sort(missing)
	if diff := cmp.Diff([]string(nil), missing); diff != "" {
		t.Error(diff)
	}
}
