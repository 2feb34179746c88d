package kubeapi

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// attributes say what a request wants to do.
type attributes struct {
	verb        string
	group       string
	resource    string // "serviceaccounts/token" for a subresource
	namespace   string
	name        string
	nonResource string // path; empty for resources
}

// allowed evaluates RBAC: cluster role bindings, and role bindings of the
// namespace.
func (c *cluster) allowed(u user, a attributes) bool {
	if slices.Contains(u.groups, groupMasters) {
		return true
	}
	for _, o := range c.list(clusterRoleBindings, "") {
		b := o.(*rbacv1.ClusterRoleBinding)
		if bindsUser(b.Subjects, u, "") && c.roleAllows(b.RoleRef, "", a) {
			return true
		}
	}
	if a.namespace == "" {
		return false
	}
	for _, o := range c.list(roleBindings, a.namespace) {
		b := o.(*rbacv1.RoleBinding)
		if bindsUser(b.Subjects, u, b.Namespace) && c.roleAllows(b.RoleRef, b.Namespace, a) {
			return true
		}
	}
	return false
}

func bindsUser(subjects []rbacv1.Subject, u user, namespace string) bool {
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
		switch s.Kind {
		case rbacv1.UserKind:
			return s.Name == u.name
		case rbacv1.GroupKind:
			return slices.Contains(u.groups, s.Name)
		case rbacv1.ServiceAccountKind:
			ns := s.Namespace
			if ns == "" {
				ns = namespace
			}
			return u.name == "system:serviceaccount:"+ns+":"+s.Name
		default:
			return false
		}
	})
}

func (c *cluster) roleAllows(ref rbacv1.RoleRef, namespace string, a attributes) bool {
	var rules []rbacv1.PolicyRule
	switch ref.Kind {
	case "ClusterRole":
		if o, ok := c.find(clusterRoles, "", ref.Name); ok {
			rules = o.(*rbacv1.ClusterRole).Rules
		}
	case "Role":
		if o, ok := c.find(roles, namespace, ref.Name); ok {
			rules = o.(*rbacv1.Role).Rules
		}
	}
	return slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return ruleAllows(r, a) })
}

func ruleAllows(r rbacv1.PolicyRule, a attributes) bool {
	if !matches(r.Verbs, a.verb) {
		return false
	}
	if a.nonResource != "" {
		return slices.ContainsFunc(r.NonResourceURLs, func(pattern string) bool {
			prefix, wild := strings.CutSuffix(pattern, "*")
			return pattern == a.nonResource || wild && strings.HasPrefix(a.nonResource, prefix)
		})
	}
	return matches(r.APIGroups, a.group) && matches(r.Resources, a.resource) &&
		(len(r.ResourceNames) == 0 || a.name != "" && slices.Contains(r.ResourceNames, a.name))
}

func matches(words []string, word string) bool {
	return slices.Contains(words, "*") || slices.Contains(words, word)
}

// refusal is the sentence that a real API server refuses with.
func (a attributes) refusal(u user) string {
	if a.nonResource != "" {
		return fmt.Sprintf("User %q cannot %s path %q", u.name, a.verb, a.nonResource)
	}
	where := " at the cluster scope"
	if a.namespace != "" {
		where = fmt.Sprintf(" in the namespace %q", a.namespace)
	}
	return fmt.Sprintf("User %q cannot %s resource %q in API group %q%s", u.name, a.verb, a.resource, a.group, where)
}

// mayBind tells whether the user may hand out a role: those who may do
// everything, and those with the verb bind on it. A real server also lets users
// hand out what they have themselves.
func (c *cluster) mayBind(u user, ref rbacv1.RoleRef, namespace string) bool {
	resource := "clusterroles"
	if ref.Kind == "Role" {
		resource = "roles"
	}
	all := attributes{verb: "*", group: "*", resource: "*"}
	return c.allowed(u, all) || c.allowed(u, attributes{verb: "bind", group: rbacv1.GroupName, resource: resource, namespace: namespace, name: ref.Name})
}
