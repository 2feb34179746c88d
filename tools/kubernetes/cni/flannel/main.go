// Flannel is the CNI plugin that lets a node's pods use the subnet that flanneld leased for the node: it reads
// flanneld's environment file, makes of it the configuration of another plugin (bridge unless `delegate` says
// otherwise) with host-local addresses, and calls that. Its configuration is that of the plugin of the same name
// by flannel's makers, of which no version of today can be had as a Go module: subnetFile, dataDir, delegate, ipam.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/containernetworking/plugins/pkg/utils/buildversion"
)

// errNotAvailable is the code of "the plugin is not available" (CNI specification 1.1, STATUS).
const errNotAvailable = 50

func main() {
	skel.PluginMainFuncs(skel.CNIFuncs{Add: add, Del: del, Check: check, Status: status}, version.All, buildversion.BuildString("flannel"))
}

func add(args *skel.CmdArgs) error {
	config, err := parseConfig(args.StdinData)
	if err != nil {
		return err
	}
	subnet, err := readSubnet(config.SubnetFile)
	if err != nil {
		return err
	}
	delegate, err := config.delegateFor(subnet)
	if err != nil {
		return err
	}
	if err := config.save(args.ContainerID, delegate); err != nil {
		return err
	}
	result, err := invoke.DelegateAdd(context.Background(), pluginOf(delegate), delegate, nil)
	if err != nil {
		return fmt.Errorf("delegate ADD to %s: %w", pluginOf(delegate), err)
	}
	return types.PrintResult(result, config.CNIVersion)
}

// del undoes what add did, with the configuration that add used: the subnet may be another by now. It has to
// succeed when there is nothing to undo (CNI specification, DEL).
func del(args *skel.CmdArgs) error {
	config, err := parseConfig(args.StdinData)
	if err != nil {
		return err
	}
	delegate, err := os.ReadFile(config.saved(args.ContainerID))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what was delegated: %w", err)
	}
	if err := invoke.DelegateDel(context.Background(), pluginOf(delegate), delegate, nil); err != nil {
		return fmt.Errorf("delegate DEL to %s: %w", pluginOf(delegate), err)
	}
	return os.Remove(config.saved(args.ContainerID))
}

func check(args *skel.CmdArgs) error {
	config, err := parseConfig(args.StdinData)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(config.saved(args.ContainerID))
	if err != nil {
		return fmt.Errorf("read what was delegated: %w", err)
	}
	delegate := map[string]any{}
	if err := json.Unmarshal(data, &delegate); err != nil {
		return fmt.Errorf("read what was delegated: %w", err)
	}
	delegate["prevResult"] = config.RawPrevResult
	if data, err = json.Marshal(delegate); err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	return invoke.DelegateCheck(context.Background(), pluginOf(data), data, nil)
}

// status says whether an ADD could succeed: as soon as flanneld has a lease.
func status(args *skel.CmdArgs) error {
	config, err := parseConfig(args.StdinData)
	if err != nil {
		return err
	}
	if _, err := readSubnet(config.SubnetFile); err != nil {
		return types.NewError(errNotAvailable, "flanneld has no subnet yet", err.Error())
	}
	return nil
}

// save keeps the delegated configuration for the container's end.
func (c *config) save(container string, delegate []byte) error {
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("make folder for what is delegated: %w", err)
	}
	if err := os.WriteFile(c.saved(container), delegate, 0o600); err != nil {
		return fmt.Errorf("keep what is delegated: %w", err)
	}
	return nil
}

func (c *config) saved(container string) string {
	return filepath.Join(c.DataDir, filepath.Base(container))
}
