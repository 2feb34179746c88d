package kubeconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/client-go/tools/clientcmd"
)

// Paths lists the files that kubectl reads, in its order: those of KUBECONFIG,
// or ~/.kube/config. getenv reads the environment; HOME in it wins over the
// user database.
func Paths(getenv func(string) string) ([]string, error) {
	var paths []string
	for _, path := range filepath.SplitList(getenv(clientcmd.RecommendedConfigPathEnvVar)) {
		if path != "" && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	if len(paths) > 0 {
		return paths, nil
	}
	home := getenv("HOME")
	if home == "" {
		var err error
		if home, err = os.UserHomeDir(); err != nil {
			return nil, fmt.Errorf("find the kubeconfig: set KUBECONFIG or HOME: %w", err)
		}
	}
	return []string{filepath.Join(home, clientcmd.RecommendedHomeDir, clientcmd.RecommendedFileName)}, nil
}
