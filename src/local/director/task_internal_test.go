package director

import (
	"net/http"
	"testing"
)

func TestResultsAreCutAsRecorded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"short": "short",
		"Failed to resolve links from deployment 'd1'. See errors below:\n  - Failed to resolve link 'web' with alias 'nolink' and type 'web' from job 'chk'":      "Failed to resolve links from deployment 'd1'. See errors\n  - Failed to resolve link 'web' with alias 'nolink' and type...",
		"Unable to render instance groups for deployment. Errors are:\n  - Unable to render jobs for instance group 'master'. Errors are:\n    - Unable to render": "Unable to render instance groups for deployment. Errors\n  - Unable to render jobs for instance group 'master'. Errors...",
		`Required property 'instances' was not specified in object ({"name"=>"worker", "azs"=>["z1", "z2"], "vm_type"=>"small", "stemcell"=>"default"})`:           `Required property 'instances' was not specified in object ({"name"=>"worker", "azs"=>["z1", "z2"], "vm_type"=>"small",...`,
		"Failed to acquire lock for lock:deployment:d2 uid: acdea234-54f9-4a18-9126-8a2d0953defb. Locking task id is 115, description: 'create deployment'":        "Failed to acquire lock for lock:deployment:d2 uid: acdea234-54f9-4a18-9126-8a2d0953defb. Locking task id is 115, description:...",
	} {
		if got := shorten(text); got != want {
			t.Errorf("shorten(%q) is %q, want %q", text, got, want)
		}
	}
}

func FuzzByteRange(f *testing.F) {
	for _, header := range []string{"bytes=0-9", "bytes=-5", "bytes=5-", "bytes=9-2", "bytes=", "bytes=-0", "bytes=99999999999999999999-"} {
		f.Add(header, int64(100))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		from, to, status := byteRange(header, size)
		switch status {
		case http.StatusOK:
			if from != 0 || to != size {
				t.Errorf("whole text is %d-%d of %d", from, to, size)
			}
		case http.StatusPartialContent:
			if from < 0 || from >= to || to > size {
				t.Errorf("piece is %d-%d of %d", from, to, size)
			}
		case http.StatusRequestedRangeNotSatisfiable:
			if from != to {
				t.Errorf("nothing is %d-%d", from, to)
			}
		default:
			t.Errorf("status %d", status)
		}
	})
}
