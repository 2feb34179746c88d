package broker

import "strings"

// routeOf names the kind of a path, without the ids in it.
func routeOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) == 2 && parts[0] == "v2" && parts[1] == "catalog":
		return "catalog"
	case len(parts) >= 3 && parts[0] == "v2" && parts[1] == "service_instances":
		return instanceRoute(parts[3:])
	case len(parts) >= 2 && parts[0] == "mgmt":
		return "mgmt"
	}
	return "other"
}

func instanceRoute(rest []string) string {
	switch {
	case len(rest) == 0:
		return "instance"
	case rest[0] == "last_operation":
		return "last_operation"
	case rest[0] == "service_bindings":
		return "binding"
	}
	return "other"
}
