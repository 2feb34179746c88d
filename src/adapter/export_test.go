package adapter

import (
	"reflect"
	"strings"
)

// PlanPropertyPaths lists the dotted paths of all plan properties.
func PlanPropertyPaths() []string { return jsonPaths("", reflect.TypeFor[planProperties]()) }

func jsonPaths(at string, t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return []string{at}
	}
	var out []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		path := name
		if at != "" {
			path = at + "." + name
		}
		out = append(out, jsonPaths(path, t.Field(i).Type)...)
	}
	return out
}
