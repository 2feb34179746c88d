package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

const (
	defaultSubnetFile = "/run/flannel/subnet.env"
	defaultDataDir    = "/var/lib/cni/flannel"
)

// config is the plugin's network configuration.
type config struct {
	types.PluginConf
	SubnetFile string         `json:"subnetFile"`
	DataDir    string         `json:"dataDir"`
	Delegate   map[string]any `json:"delegate"`
	IPAM       map[string]any `json:"ipam"`
}

func parseConfig(data []byte) (*config, error) {
	c := &config{SubnetFile: defaultSubnetFile, DataDir: defaultDataDir}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("read network configuration: %w", err)
	}
	for _, owned := range []string{"name", "ipam", "cniVersion"} {
		if _, given := c.Delegate[owned]; given {
			return nil, fmt.Errorf("delegate.%s is not allowed: the plugin sets it", owned)
		}
	}
	return c, nil
}

// subnet is what flanneld leased.
type subnet struct {
	network, node netip.Prefix
	mtu           int
	masquerade    bool // flanneld does it
}

// readSubnet reads the environment file that flanneld writes (FLANNEL_NETWORK, FLANNEL_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ).
func readSubnet(file string) (subnet, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return subnet{}, fmt.Errorf("read flanneld's subnet (is flanneld running?): %w", err)
	}
	s, err := parseSubnet(data)
	if err != nil {
		return subnet{}, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

func parseSubnet(data []byte) (subnet, error) {
	var s subnet
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		var err error
		switch key {
		case "FLANNEL_NETWORK":
			s.network, err = netip.ParsePrefix(value)
		case "FLANNEL_SUBNET":
			s.node, err = netip.ParsePrefix(value)
		case "FLANNEL_MTU":
			s.mtu, err = strconv.Atoi(value)
		case "FLANNEL_IPMASQ":
			s.masquerade, err = strconv.ParseBool(value)
		}
		if err != nil {
			return subnet{}, fmt.Errorf("%s: %w", key, err)
		}
	}
	if err := lines.Err(); err != nil {
		return subnet{}, err
	}
	if !s.network.IsValid() || !s.node.IsValid() || s.mtu <= 0 {
		return subnet{}, errors.New("FLANNEL_NETWORK, FLANNEL_SUBNET and FLANNEL_MTU have to be there")
	}
	return s, nil
}

// delegateFor is the configuration of the plugin that connects the pod.
func (c *config) delegateFor(s subnet) ([]byte, error) {
	delegate := map[string]any{"type": "bridge", "mtu": s.mtu, "ipMasq": !s.masquerade}
	maps.Copy(delegate, c.Delegate)
	if _, given := delegate["isGateway"]; !given && delegate["type"] == "bridge" {
		delegate["isGateway"] = true
	}
	delegate["name"], delegate["cniVersion"] = c.Name, c.CNIVersion
	ipam := map[string]any{"type": "host-local", "routes": []any{}}
	maps.Copy(ipam, c.IPAM)
	ipam["ranges"] = []any{[]any{map[string]any{"subnet": s.node.Masked().String()}}}
	if routes, ok := ipam["routes"].([]any); ok {
		ipam["routes"] = append(routes, map[string]any{"dst": s.network.Masked().String()})
	}
	delegate["ipam"] = ipam
	data, err := json.Marshal(delegate)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return data, nil
}

// pluginOf is the name of the plugin that a delegated configuration is for.
func pluginOf(delegate []byte) string {
	var plugin struct{ Type string }
	if err := json.Unmarshal(delegate, &plugin); err != nil {
		return ""
	}
	return plugin.Type
}
