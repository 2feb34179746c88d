package kubeapi

import (
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The server's description of itself, OpenAPI 3: from it clients learn that the
// server checks unknown fields, and kubectl explain its texts. It is derived from
// the Go types and their documentation.

const openAPIPrefix = "/openapi/v3/"

// node is a piece of an OpenAPI document.
type node = map[string]any

// openAPIPaths says where the documents are: one per group and version.
func (c *cluster) openAPIPaths() node {
	paths := node{}
	add := func(path string) {
		paths[path] = node{"serverRelativeURL": openAPIPrefix + path + "?hash=" + c.version}
	}
	add("api/" + coreV1.Version)
	for _, gv := range groups() {
		add("apis/" + gv.String())
	}
	return node{"paths": paths}
}

func (c *cluster) openAPI(gv schema.GroupVersion) node {
	schemas, paths := schemas{}, node{}
	for _, k := range kinds() {
		if k.GroupVersion == gv {
			schemas.add(reflect.TypeOf(k.make()).Elem())
			k.describe(schemas, paths)
		}
	}
	return node{
		"openapi": "3.0.0", "info": node{"title": "Kubernetes", "version": "v" + c.version},
		"paths": paths, "components": node{"schemas": schemas},
	}
}

// describe adds the paths of a kind: its collection and its objects.
func (k kind) describe(all schemas, paths node) {
	goType := reflect.TypeOf(k.make()).Elem()
	all[schemaName(goType)]["x-kubernetes-group-version-kind"] = []node{k.gvk()}
	collection := "/api/" + k.Version
	if k.Group != "" {
		collection = "/apis/" + k.GroupVersion.String()
	}
	if k.namespaced {
		collection += "/namespaces/{namespace}"
	}
	collection += "/" + k.resource
	within := []node{} // which namespace
	if k.namespaced {
		within = append(within, pathParameter("namespace"))
	}
	operations := map[string]node{
		collection:             {"parameters": within},
		collection + "/{name}": {"parameters": append(slices.Clone(within), pathParameter("name"))},
	}
	verbs := k.verbs
	if !slices.Contains(verbs, "patch") {
		// kubectl apply must come as far as to be told why not.
		verbs = append(slices.Clone(verbs), "patch")
	}
	for _, verb := range verbs {
		path, method := collection+"/{name}", ""
		switch verb {
		case "get", "patch", "delete":
			method = verb
		case "update":
			method = "put"
		case "list":
			path, method = collection, "get"
		case "create":
			path, method = collection, "post"
		case "deletecollection":
			path, method = collection, "delete"
		default:
			continue
		}
		operations[path][method] = k.operation(verb, goType)
	}
	for path, operation := range operations {
		paths[path] = operation
	}
}

func pathParameter(name string) node {
	return node{"name": name, "in": "path", "required": true, "schema": node{"type": "string", "uniqueItems": true}}
}

func (k kind) gvk() node { return node{"group": k.Group, "version": k.Version, "kind": k.name} }

func (k kind) operation(verb string, goType reflect.Type) node {
	action := verb
	if verb == "create" {
		action = "post"
	}
	o := node{
		"x-kubernetes-action":             action,
		"x-kubernetes-group-version-kind": k.gvk(),
		"responses": node{"200": node{
			"description": "OK", "content": node{runtime.ContentTypeJSON: node{"schema": reference(goType)}},
		}},
	}
	var parameters []node
	query := func(name, kind string) {
		parameters = append(parameters, node{"name": name, "in": "query", "schema": node{"type": kind, "uniqueItems": true}})
	}
	switch verb {
	case "create", "update", "patch":
		query("dryRun", "string")
		query("fieldManager", "string")
		query("fieldValidation", "string")
	case "delete", "deletecollection":
		query("dryRun", "string")
	}
	if verb == "patch" {
		query("force", "boolean")
		content := node{}
		for _, t := range []types.PatchType{types.ApplyPatchType, types.JSONPatchType, types.MergePatchType, types.StrategicMergePatchType} {
			content[string(t)] = node{"schema": node{"type": "object"}}
		}
		o["requestBody"] = node{"content": content, "required": true}
	}
	if len(parameters) > 0 {
		o["parameters"] = parameters
	}
	return o
}

// schemas are those of Go types, by name.
type schemas map[string]node

func (all schemas) add(t reflect.Type) {
	name := schemaName(t)
	if _, done := all[name]; done {
		return
	}
	docs := documentation(t)
	s := node{"type": "object"}
	all[name] = s
	if text := docs[""]; text != "" {
		s["description"] = text
	}
	properties := node{}
	all.members(t, docs, properties)
	if len(properties) > 0 {
		s["properties"] = properties
	}
}

// members adds the fields of a struct, with those of the structs within.
func (all schemas) members(t reflect.Type, docs map[string]string, into node) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" && (f.Anonymous || options == "inline") {
			all.members(f.Type, documentation(f.Type), into)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		s := all.of(f.Type)
		if text := docs[name]; text != "" {
			if s["$ref"] != nil { // nothing may stand beside a reference
				s = node{"allOf": []node{s}, "default": node{}}
			}
			s["description"] = text
		}
		into[name] = s
	}
}

// of is the schema of a value of the type.
func (all schemas) of(t reflect.Type) node {
	switch t {
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		return node{"type": "string", "format": "date-time"}
	case reflect.TypeFor[metav1.Duration](), reflect.TypeFor[resource.Quantity]():
		return node{"type": "string"}
	case reflect.TypeFor[intstr.IntOrString]():
		return node{"oneOf": []node{{"type": "integer"}, {"type": "string"}}, "format": "int-or-string"}
	case reflect.TypeFor[metav1.FieldsV1](), reflect.TypeFor[runtime.RawExtension]():
		return node{"type": "object"}
	case reflect.TypeFor[[]byte]():
		return node{"type": "string", "format": "byte"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return all.of(t.Elem())
	case reflect.Slice:
		return node{"type": "array", "items": all.of(t.Elem())}
	case reflect.Map:
		return node{"type": "object", "additionalProperties": all.of(t.Elem())}
	case reflect.Struct:
		all.add(t)
		return reference(t)
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Int64:
		return node{"type": "integer", "format": "int64"}
	case reflect.Int, reflect.Int32:
		return node{"type": "integer", "format": "int32"}
	case reflect.Float64:
		return node{"type": "number", "format": "double"}
	default:
		return node{"type": "string"}
	}
}

func reference(t reflect.Type) node {
	return node{"$ref": "#/components/schemas/" + schemaName(t)}
}

// schemaName follows the published names, such as io.k8s.api.core.v1.ConfigMap.
func schemaName(t reflect.Type) string {
	return "io." + strings.ReplaceAll(strings.Replace(t.PkgPath(), "k8s.io/", "k8s/", 1), "/", ".") + "." + t.Name()
}

// documentation is the text of a type (under "") and of its fields.
func documentation(t reflect.Type) map[string]string {
	documented, ok := reflect.New(t).Interface().(interface{ SwaggerDoc() map[string]string })
	if !ok {
		return nil
	}
	return documented.SwaggerDoc()
}
