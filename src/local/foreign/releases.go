package foreign

import (
	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/director/catalog"
)

// Releases are those of the API's VM, in the versions that the manifest names. The ones of clusters
// are in package cfcr.
func Releases() []catalog.Release {
	return []catalog.Release{
		{Name: "uaa", Version: "78.16.0", Jobs: []catalog.Job{uaa(), {Name: "bbr-uaadb", Properties: backupSwitch(), Consumes: []catalog.Link{
			{Name: "uaa_db", Type: "uaa_db"}, {Name: "database", Type: "database", Optional: true},
		}}}},
		{Name: "postgres", Version: "54.0.4", Jobs: []catalog.Job{postgres()}},
		{Name: "bpm", Version: "1.4.23", Jobs: []catalog.Job{{Name: "bpm"}}},
		{Name: "backup-and-restore-sdk", Version: "1.19.52", Jobs: []catalog.Job{{Name: "database-backup-restorer"}}},
		{Name: "syslog", Version: "12.3.4", Jobs: cfcr.Optional()[0].Jobs},
	}
}

// Stemcell is one that these releases run on.
func Stemcell() catalog.Stemcell {
	return catalog.Stemcell{Name: "bosh-warden-boshlite-ubuntu-jammy-go_agent", OS: "ubuntu-jammy", Version: "1.943"}
}

func backupSwitch() []string { return []string{"release_level_backup"} }

// postgres is the job of postgres-release, which offers the link type that PostgreSQL's consumers
// agree on (reference/bosh-release.md §9).
func postgres() catalog.Job {
	return catalog.Job{
		Name: "postgres",
		Properties: []string{
			"databases.version", "databases.port", "databases.databases", "databases.roles", "databases.max_connections",
			"databases.log_line_prefix", "databases.collect_statement_statistics", "databases.additional_config",
			"databases.monit_timeout", "databases.tls.ca", "databases.tls.certificate", "databases.tls.private_key",
			"databases.trust_local_connections", "databases.skip_data_copy_in_minor",
		},
		Provides: []catalog.Link{{Name: "postgres", Type: "database", Properties: []string{
			"databases.port", "databases.databases", "databases.roles", "databases.tls.ca",
		}}},
		Processes: []string{"postgres", "pg_janitor"},
	}
}
