package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

const (
	tagsHelp  = `Tags of the cluster's machines: "key1:value1,key2:value2"`
	poolsHelp = `Number of workers by node pool of the compute profile: "pool1:3,pool2:5"`
)

// parseTags reads key:value,key:value (reference/pks-cli.md §13).
func parseTags(c *cobra.Command, text string) ([]v1.ClusterTag, error) {
	tags := []v1.ClusterTag{}
	for _, pair := range trimmed(strings.Split(text, ",")) {
		name, value, _ := strings.Cut(pair, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if name == "" || strings.Contains(value, ":") {
			return nil, usagef(c, "--tags: %q is not of the form key:value.", pair)
		}
		tags = append(tags, v1.ClusterTag{Name: name, Value: value})
	}
	return tags, nil
}

// parsePools reads pool:number,pool:number.
func parsePools(c *cobra.Command, text string) (map[string]int, error) {
	pools := map[string]int{}
	for _, pair := range trimmed(strings.Split(text, ",")) {
		name, number, _ := strings.Cut(pair, ":")
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
		name = strings.TrimSpace(name)
		if _, twice := pools[name]; err != nil || name == "" || twice {
			return nil, usagef(c, "--node-pool-instances: %q is not of the form pool:number, each pool once.", pair)
		}
		pools[name] = int(n)
	}
	return pools, nil
}

// readPoolsAndTags puts what was given of the two flags into a change. Empty tags
// take all away.
func readPoolsAndTags(c *cobra.Command, pools, tags string, change *v1.UpdateClusterParameters) (err error) {
	if pools != "" {
		if change.NodePoolInstances, err = parsePools(c, pools); err != nil {
			return err
		}
	}
	if !c.Flags().Changed("tags") {
		return nil
	}
	if change.ClusterTags, err = parseTags(c, tags); err != nil {
		return err
	}
	change.DeleteAllTags = len(change.ClusterTags) == 0
	return nil
}
