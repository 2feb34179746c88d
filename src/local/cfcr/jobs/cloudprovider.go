package jobs

// cloudProvider is reference/cluster-manifest.md §5.13. It only provides a link; what consumes it tells
// that there is no cloud.
func cloudProvider(t *template) {
	t.text("cloud-provider.type")
}

// builtInProvider warns when a job is to use a cloud: a machine on this host is in none, and Kubernetes has
// lost the code for them.
func (t *template) builtInProvider() {
	name := ""
	if link, ok := t.job.Links["cloud-provider"]; ok {
		v, _ := lookup(link.Properties, "cloud-provider.type")
		name, _ = scalar(v)
	}
	if name == "" {
		name = t.optional("cloud-provider", "")
	}
	if name != "" {
		t.told.add("Cloud provider " + name + " is left out of all jobs: a process machine is in no cloud.")
	}
}
