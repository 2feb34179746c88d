package kubeapi

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
)

// discovery answers the paths by which clients find out what there is.
func (c *cluster) discovery(path string) (any, bool) {
	switch path {
	case "/openapi/v3":
		return c.openAPIPaths(), true
	case "/version":
		return c.versionInfo(), true
	case "/api":
		return metav1.APIVersions{
			TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"},
			ServerAddressByClientCIDRs: []metav1.ServerAddressByClientCIDR{},
		}, true
	case "/apis":
		list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
		for _, gv := range groups() {
			list.Groups = append(list.Groups, group(gv))
		}
		return list, true
	case "/api/v1":
		return resourceList(coreV1), true
	case openAPIPrefix + "api/v1":
		return c.openAPI(coreV1), true
	}
	for _, gv := range groups() {
		switch path {
		case "/apis/" + gv.Group:
			g := group(gv)
			g.TypeMeta = metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}
			return g, true
		case "/apis/" + gv.String():
			return resourceList(gv), true
		case openAPIPrefix + "apis/" + gv.String():
			return c.openAPI(gv), true
		}
	}
	return nil, false
}

func groups() []schema.GroupVersion {
	return []schema.GroupVersion{
		appsv1.SchemeGroupVersion, authenticationv1.SchemeGroupVersion, authorizationv1.SchemeGroupVersion, batchv1.SchemeGroupVersion, rbacV1,
	}
}

func group(gv schema.GroupVersion) metav1.APIGroup {
	v := metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version}
	return metav1.APIGroup{Name: gv.Group, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v}
}

func resourceList(gv schema.GroupVersion) metav1.APIResourceList {
	list := metav1.APIResourceList{
		TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String(),
	}
	for _, k := range kinds() {
		if k.GroupVersion != gv {
			continue
		}
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: k.resource, SingularName: k.singular, ShortNames: k.short, Categories: k.categories, Namespaced: k.namespaced, Kind: k.name, Verbs: k.verbs,
		})
		if k.resource == serviceAccounts {
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name: serviceAccounts + "/token", Namespaced: true, Kind: "TokenRequest", Verbs: []string{"create"},
				Group: authenticationv1.GroupName, Version: authenticationv1.SchemeGroupVersion.Version,
			})
		}
	}
	for _, v := range reviews() {
		if v.GroupVersion == gv {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: v.resource(), SingularName: strings.ToLower(v.kind), Kind: v.kind, Verbs: []string{"create"}})
		}
	}
	return list
}

func (c *cluster) versionInfo() version.Info {
	major, rest, _ := strings.Cut(c.version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return version.Info{
		Major: major, Minor: minor, GitVersion: "v" + c.version, GitTreeState: "clean",
		Platform: "linux/amd64", GoVersion: "simulated", Compiler: "gc",
	}
}
