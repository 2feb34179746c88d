package jobs

import (
	"fmt"
	"strconv"
	"strings"
)

// minorOf is 36 for 1.36.3.
func minorOf(version string) (int, error) {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) >= 2 && parts[0] == "1" {
		if minor, err := strconv.ParseUint(parts[1], 10, 8); err == nil {
			return int(minor), nil
		}
	}
	return 0, fmt.Errorf("%q is not a version of Kubernetes such as 1.36.3", version)
}
