package adapter_test

import (
	"strings"
	"testing"
)

// A cluster's own proxy stands in for the plan's, with the plan's exceptions added
// if the cluster asks for them.
func TestExceptionsOfThePlansProxyAreAddedOnDemand(t *testing.T) {
	t.Parallel()
	plan := object{"proxy": object{"http_proxy": object{"url": "http://plan.example.com:80"}, "no_proxy": []string{"plan.internal.example.com", "both.example.com"}}}
	own := object{"https_proxy": object{"url": "http://own.example.com:80"}, "no_proxy": []string{"both.example.com", "own.internal.example.com"}}
	for merge, want := range map[bool]string{
		false: ",both.example.com,own.internal.example.com\n",
		true:  ",plan.internal.example.com,both.example.com,own.internal.example.com\n",
	} {
		own["global_no_proxy_merge"] = merge
		manifest := smallest().with(plan, object{"proxy": own}).run(t).Manifest
		if !strings.Contains(manifest, want) || strings.Contains(manifest, "http://plan.example.com") {
			t.Errorf("merge %t: %s", merge, manifest)
		}
	}
}
