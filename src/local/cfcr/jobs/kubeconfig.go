package jobs

import "fmt"

// kubeconfig adds a kubeconfig with a static token to the job's config folder; caFile is a path. Its server is the
// internal name of the masters, which cannot be changed (reference/cluster-manifest.md §8); a simulated
// machine asks the load balancer and expects the certificate of that name.
func (t *template) kubeconfig(name, user, token, caFile string) string {
	cluster := map[string]any{
		"certificate-authority": caFile,
		"server":                fmt.Sprintf("https://%s:%d", masterInternal, apiPort),
	}
	if t.Simulated && t.APIBalancer != "" {
		cluster["server"] = "https://" + t.APIBalancer
		cluster["tls-server-name"] = masterInternal
	}
	return t.document(name, map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": user,
		"clusters": []any{map[string]any{"name": "cluster", "cluster": cluster}},
		"users":    []any{map[string]any{"name": user, "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": user, "context": map[string]any{"cluster": "cluster", "user": user}}},
	})
}
