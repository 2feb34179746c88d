package jobs

import "time"

// smokeTests is the errand of reference/cluster-manifest.md §5.14.
func smokeTests(t *template) {
	masters := t.link("kube-apiserver")
	ca := t.configFile("ca.pem", t.shared(masters, "tls.kubernetes.ca"))
	t.errand("smoke-tests.sh", 10*time.Minute, map[string]string{
		"KUBECONFIG": t.kubeconfig("kubeconfig", t.shared(masters, "admin-username"), t.shared(masters, "admin-password"), ca),
		"IMAGE":      pauseImage,
	})
}
