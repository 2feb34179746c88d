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

// allowed evaluates RBAC for one request.
func (c *cluster) allowed(u user, a attributes) bool {
	return slices.Contains(u.groups, groupMasters) ||
		slices.ContainsFunc(c.rulesOf(u, a.namespace), func(r rbacv1.PolicyRule) bool { return ruleAllows(r, a) })
}

// rulesOf are what a user may do: by cluster role bindings, and by role bindings of
// the namespace, if there is one.
func (c *cluster) rulesOf(u user, namespace string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, o := range c.all(clusterRoleBindings, "") {
		if b := o.(*rbacv1.ClusterRoleBinding); bindsUser(b.Subjects, u, "") {
			rules = append(rules, c.rules(b.RoleRef, "")...)
		}
	}
	if namespace == "" {
		return rules
	}
	for _, o := range c.all(roleBindings, namespace) {
		if b := o.(*rbacv1.RoleBinding); bindsUser(b.Subjects, u, b.Namespace) {
			rules = append(rules, c.rules(b.RoleRef, b.Namespace)...)
		}
	}
	return rules
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

// rules are those of a role; of one that does not exist there are none.
func (c *cluster) rules(ref rbacv1.RoleRef, namespace string) []rbacv1.PolicyRule {
	switch ref.Kind {
	case "ClusterRole":
		if o, ok := c.find(clusterRoles, "", ref.Name); ok {
			return o.(*rbacv1.ClusterRole).Rules
		}
	case "Role":
		if o, ok := c.find(roles, namespace, ref.Name); ok {
			return o.(*rbacv1.Role).Rules
		}
	}
	return nil
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
