package director

// Names of task types; they are the Director's (reference/director-api.md §5.3).
const (
	typeDeploy         = "update_deployment"
	typeDelete         = "delete_deployment"
	typeErrand         = "run_errand"
	typeStats          = "vms"
	typeAction         = "update_instance"
	typeLogs           = "fetch_logs"
	typeSSH            = "ssh"
	typeScan           = "cck_scan"
	typeResolve        = "cck_apply"
	typeScanAndFix     = "cck_scan_and_fix"
	typeSnapshot       = "snapshot_deployment"
	typeUploadRelease  = "update_release"
	typeDeleteRelease  = "delete_release"
	typeUploadStemcell = "update_stemcell"
	typeDeleteStemcell = "delete_stemcell"
	typeDeleteDisk     = "delete_orphan_disks"
	typeDeleteVM       = "delete_vm"
	typeCleanup        = "delete_artifacts"
)

// taskTypes lists what the queue can run.
func taskTypes() map[string]taskType {
	types := map[string]taskType{}
	for _, kind := range []taskType{
		typed(typeDeploy, true, (*Director).deploy),
		typed(typeDelete, true, (*Director).deleteDeployment),
		typed(typeErrand, true, (*Director).runErrand),
		typed(typeStats, false, (*Director).stats),
		typed(typeAction, true, (*Director).act),
		typed(typeLogs, false, (*Director).fetchInstanceLogs),
		typed(typeSSH, false, (*Director).letIn),
		typed(typeScan, false, (*Director).scanCloud),
		typed(typeResolve, false, (*Director).applyResolutions),
		typed(typeScanAndFix, false, (*Director).scanAndFixTask),
		typed(typeSnapshot, true, (*Director).snapshot),
		typed(typeUploadRelease, true, (*Director).createRelease),
		typed(typeDeleteRelease, true, (*Director).deleteRelease),
		typed(typeUploadStemcell, true, (*Director).createStemcell),
		typed(typeDeleteStemcell, true, (*Director).deleteStemcell),
		typed(typeDeleteDisk, false, (*Director).deleteOrphanDisk),
		typed(typeDeleteVM, false, (*Director).deleteVM),
		typed(typeCleanup, false, (*Director).cleanup),
	} {
		types[kind.name] = kind
	}
	return types
}
