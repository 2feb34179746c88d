package director_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/pks-community/pks-release/src/director/directortest"
)

func conformanceManifest(name string, instances int) string {
	return fmt.Sprintf("name: %s\n%sinstance_groups:\n- {name: worker, instances: %d, azs: [z1], vm_type: small, stemcell: default, networks: [{name: default}], jobs: [{name: web, release: rec, properties: {port: 1}}]}\n", name, head, instances)
}

func TestConformsToTheRecordings(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	directortest.Run(t, directortest.Target{
		URL: b.url, Client: b.client, Manifest: conformanceManifest,
		Authorize: func(r *http.Request) { r.SetBasicAuth("admin", "secret") },
	})
}
