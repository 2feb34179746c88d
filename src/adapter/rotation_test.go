package adapter_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pks-community/pks-release/src/local/credhub"
)

// rotating is the cluster at one point of its rotations.
func rotating(c call, generation int, phase string) call {
	state := object{"generation": generation}
	if phase != "" {
		state["phase"] = phase
	}
	return c.with(nil, object{"certificates": state})
}

// signers are the names of the authorities, and which of them signs which
// certificate.
func signers(t *testing.T, manifest string) (authorities []string, signs map[string][]string) {
	t.Helper()
	signs = map[string][]string{}
	for _, v := range parse(t, manifest).Variables {
		if v.Type != "certificate" {
			continue
		}
		if ca, _ := v.Options["ca"].(string); ca != "" {
			signs[ca] = append(signs[ca], v.Name)
			continue
		}
		authorities = append(authorities, v.Name)
	}
	for _, names := range signs {
		slices.Sort(names)
	}
	return authorities, signs
}

func TestRotationChangesOneThingAtATime(t *testing.T) {
	t.Parallel()
	_, all := signers(t, smallest().run(t).Manifest)
	kubo, etcd := all["kubo_ca"], all["etcd_ca"]
	manifest, _ := stored(t, smallest().run(t))
	for _, step := range []struct {
		generation  int
		phase       string
		authorities []string
		signs       map[string][]string
		trusts      []string // what the API server's clients trust
	}{
		{1, "introduced", []string{"kubo_ca", "kubo_ca_1", "etcd_ca", "etcd_ca_1"}, map[string][]string{"kubo_ca": kubo, "etcd_ca": etcd}, []string{"kubo_ca.certificate", "kubo_ca_1.certificate"}},
		{1, "switched", []string{"kubo_ca", "kubo_ca_1", "etcd_ca", "etcd_ca_1"}, map[string][]string{"kubo_ca_1": kubo, "etcd_ca_1": etcd}, []string{"kubo_ca.certificate", "kubo_ca_1.certificate"}},
		{1, "", []string{"kubo_ca_1", "etcd_ca_1"}, map[string][]string{"kubo_ca_1": kubo, "etcd_ca_1": etcd}, []string{"tls-kubernetes.ca"}},
		{2, "introduced", []string{"kubo_ca_1", "kubo_ca_2", "etcd_ca_1", "etcd_ca_2"}, map[string][]string{"kubo_ca_1": kubo, "etcd_ca_1": etcd}, []string{"kubo_ca_1.certificate", "kubo_ca_2.certificate"}},
	} {
		made := rotating(smallest(), step.generation, step.phase).after(manifest).run(t)
		manifest, _ = stored(t, made)
		authorities, signs := signers(t, manifest)
		if diff := gocmp.Diff([]any{step.authorities, step.signs}, []any{authorities, signs}); diff != "" {
			t.Errorf("generation %d %s:\n%s", step.generation, step.phase, diff)
		}
		want := "((" + strings.Join(step.trusts, "))((") + "))"
		if !strings.Contains(manifest, "ca: "+want) && !strings.Contains(manifest, `ca: "`+want) && !strings.Contains(manifest, "ca: '"+want) {
			t.Errorf("generation %d %s: nobody trusts %s", step.generation, step.phase, want)
		}
		for _, v := range parse(t, manifest).Variables {
			if v.Options["ca"] != nil && v.UpdateMode != "converge" {
				t.Errorf("%s would stay as it is", v.Name)
			}
		}
		// An upgrade, which comes without parameters, leaves it so.
		upgrade := smallest().after(manifest)
		upgrade.parameters = nil
		if diff := gocmp.Diff(parse(t, manifest).Variables, parse(t, upgrade.run(t).Manifest).Variables); diff != "" {
			t.Errorf("an upgrade changes variables:\n%s", diff)
		}
	}
}

func TestRotationLeavesOutNoStep(t *testing.T) {
	t.Parallel()
	settled, _ := stored(t, smallest().run(t))
	begun, _ := stored(t, rotating(smallest(), 1, "introduced").after(settled).run(t))
	for name, c := range map[string]call{
		"straight to the new": rotating(smallest(), 1, "").after(settled),
		"without the first":   rotating(smallest(), 1, "switched").after(settled),
		"two at once":         rotating(smallest(), 2, "introduced").after(settled),
		"without the second":  rotating(smallest(), 1, "").after(begun),
		"back":                smallest().after(begun),
	} {
		if text := c.refusal(t).Message(); !strings.Contains(text, "in one deploy") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// An authority of somebody else's stays; what it signs is made anew.
func TestRotationUnderAForeignAuthority(t *testing.T) {
	t.Parallel()
	c := smallest().with(object{"certificates": object{"ca_name": "/p-bosh/kubernetes_ca"}}, nil)
	manifest, _ := stored(t, c.run(t))
	unit := func(manifest string) any {
		for _, v := range parse(t, manifest).Variables {
			if v.Name == "tls-kubernetes" {
				return v.Options["organization_unit"]
			}
		}
		return "none"
	}
	var units []any
	for _, phase := range []string{"introduced", "switched", ""} {
		manifest, _ = stored(t, rotating(c, 1, phase).after(manifest).run(t))
		units = append(units, unit(manifest))
	}
	if diff := gocmp.Diff([]any{nil, "rotation 1", "rotation 1"}, units); diff != "" {
		t.Error(diff)
	}
}

// The embedded Director and its CredHub: after each deploy credentials can be
// fetched and used, and in the end every certificate is another.
func TestRotatedClusterIsReached(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, credhub.Options{NewKey: sharedKey})
	c := smallest()
	manifest, _ := p.deploy(c.deployment, c.run(t))
	seen := map[string]bool{}
	for _, phase := range []string{"introduced", "switched", ""} {
		manifest, _ = p.deploy(c.deployment, rotating(c, 1, phase).after(manifest).run(t))
		in := p.bindingInput(t, manifest, c.deployment, "with-"+cmp.Or(phase, "new"), nil)
		k := bind(t, in)
		seen[k.Clusters[0].Cluster.CA] = true
		eventually(t, 10*time.Second, func() error {
			_, err := clientOf(t, k, in).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
			return err
		})
	}
	if len(seen) != 2 {
		t.Errorf("clients were given %d different trust lists, want both and the new", len(seen))
	}
}
