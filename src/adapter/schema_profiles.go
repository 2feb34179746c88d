package adapter

import (
	"reflect"
	"strings"
)

// profileSchema is that of a profile whose parameters are read into a T.
func profileSchema[T any]() schema {
	return closed(map[string]schema{
		"name": {Type: "string", MinLength: 1}, "parameters": schemaOf(reflect.TypeFor[T]()),
	}, "name")
}

// schemaOf describes the JSON that decodeStrict takes for a value of the type: its
// members, and no others.
func schemaOf(t reflect.Type) schema {
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Struct:
		members := map[string]schema{}
		addMembers(t, members)
		return closed(members)
	case reflect.Map:
		return schema{Type: "object", Additional: schemaOf(t.Elem())}
	case reflect.Slice:
		return listOf(schemaOf(t.Elem()))
	case reflect.Bool:
		return schema{Type: "boolean"}
	case reflect.Int:
		return schema{Type: "integer"}
	case reflect.String:
		return schema{Type: "string"}
	default:
		return schema{} // anything
	}
}

func addMembers(t reflect.Type, into map[string]schema) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			addMembers(f.Type, into)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		into[name] = schemaOf(f.Type)
	}
}
