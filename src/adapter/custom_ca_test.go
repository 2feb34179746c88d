package adapter_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pks-community/pks-release/src/adapter"
	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/pks"
)

// TestCustomCASignsTheAPIServer: its certificate is what a kubeconfig trusts, and
// nothing else is needed to reach the cluster by its host name.
func TestCustomCASignsTheAPIServer(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, credhub.Options{NewKey: sharedKey})
	c := golden()["custom-ca"]
	manifest, _ := p.deploy(c.deployment, c.run(t))
	in := p.bindingInput(t, manifest, c.deployment, bindID, nil)
	k := bind(t, in)
	trusted, err := base64.StdEncoding.DecodeString(k.Clusters[0].Cluster.CA)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(customCertificate, string(trusted)); diff != "" {
		t.Errorf("the kubeconfig trusts (-want +got):\n%s", diff)
	}
	if _, err := clientOf(t, k, in).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
}

// TestKeyOfACustomCAIsInTheBrokersKeepingAlone: neither manifest nor log holds it,
// and a broker that has it is not asked to store it again.
func TestKeyOfACustomCAIsInTheBrokersKeepingAlone(t *testing.T) {
	t.Parallel()
	c := golden()["custom-ca"]
	first := c.run(t)
	var names []string
	for name, value := range first.Secrets {
		names = append(names, name)
		if diff := cmp.Diff(any(customCA()), value); diff != "" {
			t.Errorf("%s: not what was given", name)
		}
	}
	if len(names) != 1 || !strings.HasPrefix(names[0], "custom_ca_") {
		t.Fatalf("secrets %v", names)
	}
	manifest, kept := stored(t, first)
	if strings.Contains(manifest, "PRIVATE KEY") {
		t.Error("a private key is in the manifest")
	}
	in := c.after(manifest).params(t)
	in.PreviousSecrets = kept
	again, err := adapter.Generate(in)
	if err != nil || len(again.ODBManagedSecrets) != 0 {
		t.Errorf("%d secrets once more, %v", len(again.ODBManagedSecrets), err)
	}
}

func TestBadCustomCAIsRefused(t *testing.T) {
	t.Parallel()
	with := func(change object) call {
		return smallest().with(nil, object{"custom_ca": overlay(customCA(), change)})
	}
	for name, tc := range map[string]struct {
		call call
		want string
	}{
		"no key":         {with(object{"private_key": nil}), "custom_ca.private_key is missing"},
		"no certificate": {with(object{"certificate": nil}), "custom_ca.certificate is missing"},
		"not an authority": {with(object{"certificate": certificatePEM()}),
			"custom_ca.certificate cannot be read"},
		"reference": {with(object{"private_key": "((/somebody/elses.private_key))"}), "double parentheses"},
		"unknown":   {with(object{"password": "x"}), `unknown field "custom_ca.password"`},
	} {
		if text := tc.call.refusal(t).Message(); !strings.Contains(text, tc.want) {
			t.Errorf("%s: %q", name, text)
		}
	}
	in := with(nil).params(t)
	for _, id := range []any{nil, "", "a/b", "a)b"} {
		in.RequestParams["service_id"] = id
		_, err := adapter.Generate(in)
		if failure, ok := errors.AsType[*pks.Failure](err); !ok || !strings.Contains(failure.Message(), "service_id") {
			t.Errorf("service id %q: %v", id, err)
		}
	}
}

// TestSignerOfTheAPIServerStaysOnALiveCluster: no machine would trust the new one.
func TestSignerOfTheAPIServerStaysOnALiveCluster(t *testing.T) {
	t.Parallel()
	plain := smallest()
	own := golden()["custom-ca"]
	named := smallest().with(object{"certificates": object{"ca_name": "/p-bosh/kubernetes_ca"}}, nil)
	otherName := smallest().with(object{"certificates": object{"ca_name": "/p-bosh/other_ca"}}, nil)
	for name, tc := range map[string]struct{ from, to call }{
		"own":         {plain, own},
		"no longer":   {own, plain},
		"plan's":      {plain, named},
		"other plan":  {named, otherName},
		"plan to own": {named, own},
	} {
		manifest, _ := stored(t, tc.from.run(t))
		if text := tc.to.after(manifest).refusal(t).Message(); !strings.Contains(text, "cannot change") {
			t.Errorf("%s: %q", name, text)
		}
	}
	manifest, _ := stored(t, own.run(t))
	upgrade := own.with(object{"nfs": true}, nil).after(manifest)
	upgrade.parameters = nil
	if diff := cmp.Diff(parse(t, manifest).Variables, parse(t, upgrade.run(t).Manifest).Variables); diff != "" {
		t.Errorf("an upgrade changes variables (-was +is):\n%s", diff)
	}
}
