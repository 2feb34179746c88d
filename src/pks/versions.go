package pks

import (
	"fmt"
	"strconv"
	"strings"
)

// Versions are what an upgrade brings: a cluster gets the control plane's own and
// no others (reference/pks-product.md §14).
type Versions struct {
	Kubernetes string // 1.34.2
	Product    string // 1.0.0-build.7
}

// Versions are those that the cluster runs, or will run once its creation is done.
func (c Cluster) Versions() Versions {
	return Versions{Kubernetes: c.KubernetesVersion, Product: c.ProductVersion}
}

// CheckUpgrade says why a cluster at the versions v cannot be taken to target: it
// would go back, or skip a minor version of Kubernetes, which its parts do not
// stand (reference/pks-product.md §14). Versions that cannot be read are let pass.
func (v Versions) CheckUpgrade(target Versions) error {
	major, minor, patch, ok := release(v.Kubernetes)
	toMajor, toMinor, toPatch, toOK := release(target.Kubernetes)
	switch {
	case !ok || !toOK:
		return nil
	case toMajor < major, toMajor == major && toMinor < minor, toMajor == major && toMinor == minor && toPatch < patch:
		return fmt.Errorf("it runs Kubernetes %s, which is newer than the %s of this PKS", v.Kubernetes, target.Kubernetes)
	case toMajor > major, toMinor > minor+1:
		return fmt.Errorf("it runs Kubernetes %s, from which an upgrade to %s would skip a version between", v.Kubernetes, target.Kubernetes)
	default:
		return nil
	}
}

// release reads MAJOR.MINOR.PATCH, whatever follows after - or +.
func release(version string) (major, minor, patch int, ok bool) {
	version = strings.TrimPrefix(version, "v")
	if end := strings.IndexAny(version, "-+"); end >= 0 {
		version = version[:end]
	}
	var numbers [3]int
	parts := strings.Split(version, ".")
	if len(parts) != len(numbers) {
		return 0, 0, 0, false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return 0, 0, 0, false
		}
		numbers[i] = n
	}
	return numbers[0], numbers[1], numbers[2], true
}
