package cli

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// What --json, -o and --query show is a promise to scripts: testdata/fields.golden
// lists the members by the command that shows them.
func TestFieldsOfResults(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, shown := range []struct {
		commands string
		value    any
	}{
		{"clusters, cluster, create-cluster, update-cluster, resize, upgrade-cluster --wait, watch, retry", v1.Cluster{}},
		{"plans", v1.Plan{}},
		{"task, tasks, upgrade-clusters", v1.TaskInfo{}},
		{"network-profiles, compute-profiles", v1.Profile{}},
		{"kubernetes-profiles", v1.KubernetesProfile{}},
		{"quotas, quota, set-quota", v1.Quota{}},
		{"usage", v1.Usage{}},
		{"cancel", v1.Operation{}},
		{"history", v1.Revision{}},
		{"--dry-run", v1.Preview{}},
	} {
		fmt.Fprintln(&got, shown.commands)
		fields(&got, reflect.TypeOf(shown.value), "  ", 0)
	}
	golden(t, "fields.golden", got.String())
}

func fields(out *strings.Builder, of reflect.Type, indent string, depth int) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || depth > 3 {
		return
	}
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			fields(out, field.Type, indent, depth)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fmt.Fprintln(out, indent+name)
		fields(out, field.Type, indent+"  ", depth+1)
	}
}
