package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const lease = "FLANNEL_NETWORK=10.200.0.0/16\nFLANNEL_SUBNET=10.200.7.1/24\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=true\n"

func TestPodGetsAnAddressOfTheNodesSubnet(t *testing.T) {
	t.Parallel()
	c, err := parseConfig([]byte(`{"cniVersion":"1.0.0","name":"cbr0","type":"flannel","delegate":{"hairpinMode":true,"isDefaultGateway":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseSubnet([]byte(lease))
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.delegateFor(s)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"cniVersion": "1.0.0", "name": "cbr0", "type": "bridge", "mtu": 1500.0, "ipMasq": false,
		"isGateway": true, "isDefaultGateway": true, "hairpinMode": true,
		"ipam": map[string]any{
			"type":   "host-local",
			"ranges": []any{[]any{map[string]any{"subnet": "10.200.7.0/24"}}},
			"routes": []any{map[string]any{"dst": "10.200.0.0/16"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delegated configuration (-want +got):\n%s", diff)
	}
	if plugin := pluginOf(data); plugin != "bridge" {
		t.Errorf("delegates to %q", plugin)
	}
}

func TestDelegateMayNotSetWhatThePluginSets(t *testing.T) {
	t.Parallel()
	_, err := parseConfig([]byte(`{"delegate":{"ipam":{}}}`))
	if err == nil || !strings.Contains(err.Error(), "delegate.ipam is not allowed") {
		t.Errorf("got %v", err)
	}
}

func TestSubnetFileIsReadWhole(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "subnet.env")
	if _, err := readSubnet(file); err == nil || !strings.Contains(err.Error(), "is flanneld running?") {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(file, []byte(lease), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readSubnet(file)
	if err != nil {
		t.Fatal(err)
	}
	want := subnet{netip.MustParsePrefix("10.200.0.0/16"), netip.MustParsePrefix("10.200.7.1/24"), 1500, true}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestHalfASubnetFileIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "FLANNEL_NETWORK=10.200.0.0/16\n", strings.Replace(lease, "10.200.7.1/24", "10.200.7", 1), strings.Replace(lease, "1500", "", 1)} {
		if s, err := parseSubnet([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
}

func FuzzParseSubnet(f *testing.F) {
	f.Add([]byte(lease))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSubnet(data)
		if err == nil && (!s.network.IsValid() || !s.node.IsValid()) {
			t.Errorf("%q: %+v", data, s)
		}
	})
}
