package pks_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

func TestTagsThatBOSHOrAnIaaSWouldRefuseAreRefused(t *testing.T) {
	t.Parallel()
	for _, good := range [][]pks.Tag{
		nil,
		{{Name: "team", Value: "blue"}, {Name: "Team", Value: ""}},
		{{Name: strings.Repeat("ü", 80), Value: strings.Repeat("x", 80), Category: "org unit"}},
	} {
		if err := pks.ValidateTags("cluster_tags", good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for want, bad := range map[string][]pks.Tag{
		"cluster_tags[1].name is missing.":                                                                                 {{Name: "a"}, {Value: "b"}},
		`cluster_tags has the tag "a" twice.`:                                                                              {{Name: "a"}, {Name: "b"}, {Name: "a"}},
		`cluster_tags has the tag "name", which BOSH sets itself.`:                                                         {{Name: "name"}},
		"cluster_tags[0].name has 81 characters; at most 80 are allowed.":                                                  {{Name: strings.Repeat("x", 81)}},
		`cluster_tags[0].name is "a:b"; double quotes, colons, commas and control characters are not allowed.`:             {{Name: "a:b"}},
		`cluster_tags[0].value is "x,y"; double quotes, colons, commas and control characters are not allowed.`:            {{Name: "a", Value: "x,y"}},
		"cluster_tags[0].category is \"\\\"\"; double quotes, colons, commas and control characters are not allowed.":      {{Name: "a", Category: `"`}},
		"cluster_tags[0].value is \"line\\nbreak\"; double quotes, colons, commas and control characters are not allowed.": {{Name: "a", Value: "line\nbreak"}},
	} {
		wantInvalid(t, want, pks.ValidateTags("cluster_tags", bad))
	}
}

func TestRegistryCAsThatNoNodeCouldLoadAreRefused(t *testing.T) {
	t.Parallel()
	certificate := selfSigned(t)
	for _, host := range []string{"registry", "registry.example.com", "*.example.com", "my-registry.example.com:5000", "10.0.0.1:443", "a_b.c"} {
		if err := pks.ValidateRegistryCAs("f", []pks.RegistryCA{{DomainName: host, CACert: certificate}}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if err := pks.ValidateRegistryCAs("f", []pks.RegistryCA{{DomainName: "a.b", CACert: "\n" + certificate + "\n" + certificate + "\n"}}); err != nil {
		t.Errorf("two certificates: %v", err)
	}
	for _, host := range []string{"", "-a", "a;b", "a b", "a..b", "a-", "https://a", "a:b", "a:123456", "**.b", "a/b", "a\n"} {
		err := pks.ValidateRegistryCAs("f", []pks.RegistryCA{{DomainName: host, CACert: certificate}})
		if err == nil || !strings.Contains(err.Error(), "is not a registry's host name") {
			t.Errorf("%q: %v", host, err)
		}
	}
	for bundle, want := range map[string]string{
		"":                               "f[0].ca_cert is missing.",
		" \n":                            "f[0].ca_cert is missing.",
		"words":                          "f[0].ca_cert is not in PEM form.",
		certificate + "rest":             "f[0].ca_cert is not in PEM form.",
		block("PRIVATE KEY", "x"):        "f[0].ca_cert holds a PRIVATE KEY, not only certificates.",
		block("CERTIFICATE", "x"):        "f[0].ca_cert holds a certificate that cannot be read.",
		certificate[:len(certificate)/2]: "f[0].ca_cert is not in PEM form.",
	} {
		wantInvalid(t, want, pks.ValidateRegistryCAs("f", []pks.RegistryCA{{DomainName: "a.b", CACert: bundle}}))
	}
}

func TestRegistriesProxyJobsAndVSphereKeys(t *testing.T) {
	t.Parallel()
	if err := pks.ValidateInsecureRegistries("f", []string{"registry.local:5000", "http://a.b,http://c.d"}); err != nil {
		t.Error(err)
	}
	wantInvalid(t, "f[1] is empty.", pks.ValidateInsecureRegistries("f", []string{"a", ""}))
	for _, bad := range []string{"a b", "a\nb", `a"b`, `a\b`, "a;b", "a'b"} {
		if err := pks.ValidateInsecureRegistries("f", []string{bad}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if err := pks.ValidateUnsetHTTPProxy("f", []string{"runtime", "kube-apiserver"}); err != nil {
		t.Error(err)
	}
	wantInvalid(t, `f[0] is "docker"; it can be runtime or kube-apiserver.`, pks.ValidateUnsetHTTPProxy("f", []string{"docker"}))
	for _, good := range []string{"", "Dc1"} {
		if err := pks.ValidateVSphereKey("f", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	wantInvalid(t, `f "a-b" may hold letters and digits only.`, pks.ValidateVSphereKey("f", "a-b"))
}

func TestDrainSettingsOverrideMemberByMember(t *testing.T) {
	t.Parallel()
	plan := pks.DrainSettings{TimeoutMinutes: new(10), Force: new(true)}
	got := plan.With(pks.DrainSettings{TimeoutMinutes: new(0), GracePeriodSeconds: new(-1), Force: new(false), IgnoreDaemonSets: new(true), DeleteLocalData: new(true), ForceNode: new(false)})
	want := pks.DrainSettings{TimeoutMinutes: new(0), GracePeriodSeconds: new(-1), Force: new(false), IgnoreDaemonSets: new(true), DeleteLocalData: new(true), ForceNode: new(false)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(plan, plan.With(pks.DrainSettings{})); diff != "" {
		t.Error(diff)
	}
	*got.Force = true
	if diff := cmp.Diff(pks.DrainSettings{TimeoutMinutes: new(10), Force: new(true)}, plan); diff != "" {
		t.Errorf("the plan was changed: %s", diff)
	}
}

func TestDrainSettingsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	for _, good := range []pks.DrainSettings{{}, {TimeoutMinutes: new(0), GracePeriodSeconds: new(-1)}, {TimeoutMinutes: new(1440), GracePeriodSeconds: new(86400)}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	wantInvalid(t, "kubelet_drain_timeout is -1; it must be from 0 to 1440 minutes.", pks.DrainSettings{TimeoutMinutes: new(-1)}.Validate())
	wantInvalid(t, "kubelet_drain_timeout is 1441; it must be from 0 to 1440 minutes.", pks.DrainSettings{TimeoutMinutes: new(1441)}.Validate())
	wantInvalid(t, "kubelet_drain_grace_period is -2; it must be from -1 to 86400 seconds.", pks.DrainSettings{GracePeriodSeconds: new(-2)}.Validate())
	wantInvalid(t, "kubelet_drain_grace_period is 86401; it must be from -1 to 86400 seconds.", pks.DrainSettings{GracePeriodSeconds: new(86401)}.Validate())
}

func wantInvalid(t *testing.T, want string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted; want %q", want)
		return
	}
	failure := pks.AsFailure(err)
	if failure.Code != pks.CodeInvalidRequest || failure.User != want {
		t.Errorf("got %s %q, want %q", failure.Code, failure.User, want)
	}
}

func block(kind, content string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(content)}))
}

func selfSigned(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", string(raw))
}
