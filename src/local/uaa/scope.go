package uaa

import (
	"net/http"
	"slices"
	"strings"
)

// scopeAllowed tells whether one of the patterns covers the scope; an asterisk
// stands for one word between dots (reference/uaa.md §4.8).
func scopeAllowed(patterns []string, scope string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return scopeMatches(pattern, scope) })
}

func scopeMatches(pattern, scope string) bool {
	if pattern == scope {
		return true
	}
	wanted, words := strings.Split(pattern, "."), strings.Split(scope, ".")
	if len(wanted) != len(words) {
		return false
	}
	for i, word := range words {
		if wanted[i] != word && (wanted[i] != "*" || word == "") {
			return false
		}
	}
	return true
}

// requestedScopes are the words of parameter scope, nil when it is absent or
// empty, which means everything.
func requestedScopes(text string) []string {
	words := strings.Fields(text)
	slices.Sort(words)
	return slices.Compact(words)
}

// validateScopes refuses names the client could never get.
func validateScopes(requested, allowed []string) error {
	for _, scope := range requested {
		if !scopeAllowed(allowed, scope) {
			return oauthProblem(http.StatusBadRequest, "invalid_scope", "%s is invalid. Please use a valid scope name in the request", scope)
		}
	}
	return nil
}

// grantUserScopes is the intersection of what the user has, what the client may
// have, and what was asked for.
func grantUserScopes(has []string, client clientRow, requested []string) ([]string, error) {
	if err := validateScopes(requested, client.Scopes); err != nil {
		return nil, err
	}
	var granted []string
	for _, scope := range has {
		if scopeAllowed(client.Scopes, scope) && (len(requested) == 0 || slices.Contains(requested, scope)) {
			granted = append(granted, scope)
		}
	}
	if len(granted) == 0 {
		wanted := requested
		if len(wanted) == 0 {
			wanted = client.Scopes
		}
		return nil, oauthProblem(http.StatusBadRequest, "invalid_scope",
			"[%s] is invalid. This user is not allowed any of the requested scopes", strings.Join(wanted, ", "))
	}
	return granted, nil
}

// audiences are the client and, for each scope, what stands before its last dot
// (reference/uaa.md §4.4).
func audiences(client string, scopes []string) []string {
	all := []string{client}
	for _, scope := range scopes {
		dot := strings.LastIndex(scope, ".")
		if scope == "uaa.none" {
			continue
		}
		resource := scope
		if dot >= 0 {
			resource = scope[:dot]
		}
		if !slices.Contains(all, resource) {
			all = append(all, resource)
		}
	}
	return all
}
