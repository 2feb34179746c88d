package director

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// Scopes (reference/director-api.md §3.3).
const (
	adminScope = "bosh.admin"
	readScope  = "bosh.read"
	teamPrefix = "bosh.teams."
)

func (d *Director) adminScopes() []string {
	return []string{adminScope, "bosh." + d.uuid + ".admin"}
}

func (d *Director) readScopes() []string {
	return append(d.adminScopes(), readScope, "bosh."+d.uuid+".read")
}

func teamScopes(teams []string, right string) []string {
	var scopes []string
	for _, team := range teams {
		scopes = append(scopes, teamPrefix+team+"."+right)
	}
	return scopes
}

// has tells whether the caller has one of the scopes.
func (c *call) has(scopes []string) bool {
	return slices.ContainsFunc(c.who.Scopes, func(s string) bool { return slices.Contains(scopes, s) })
}

// teams returns the teams in which the caller has one of the rights, in the order of the scopes.
func (c *call) teams(rights ...string) []string {
	var teams []string
	for _, scope := range c.who.Scopes {
		rest, ok := strings.CutPrefix(scope, teamPrefix)
		for _, right := range rights {
			if team, found := strings.CutSuffix(rest, "."+right); ok && found && !slices.Contains(teams, team) {
				teams = append(teams, team)
			}
		}
	}
	return teams
}

func require(scopes []string) error {
	return fault.WithStatus(http.StatusUnauthorized, fault.Unauthorized, "Require one of the scopes: %s", strings.Join(scopes, ", "))
}

// admin allows administrators.
func admin(c *call) error {
	if scopes := c.d.adminScopes(); !c.has(scopes) {
		return require(scopes)
	}
	return nil
}

// read allows everybody who may read everything.
func read(c *call) error {
	if scopes := c.d.readScopes(); !c.has(scopes) {
		return require(scopes)
	}
	return nil
}

// list allows those who may read everything, and administrators of any team.
func list(c *call) error {
	if scopes := c.d.readScopes(); !c.has(scopes) && len(c.teams("admin")) == 0 {
		return require(append(scopes, "bosh.teams.*.admin"))
	}
	return nil
}

// listConfigs allows also readers of any team.
func listConfigs(c *call) error {
	if scopes := c.d.readScopes(); !c.has(scopes) && len(c.teams("admin", "read")) == 0 {
		return require(append(scopes, "bosh.teams.*.admin", "bosh.teams.*.read"))
	}
	return nil
}

// change allows administrators and those of any team. A refusal names no team, as recorded.
func change(c *call) error {
	if scopes := c.d.adminScopes(); !c.has(scopes) && len(c.teams("admin")) == 0 {
		return require(scopes)
	}
	return nil
}

// upload allows administrators and those with the scope for uploading the kind of thing.
func upload(kind string) func(c *call) error {
	return func(c *call) error {
		if scopes := append(c.d.adminScopes(), "bosh."+kind+".upload"); !c.has(scopes) {
			return require(scopes)
		}
		return nil
	}
}

// mayRead tells whether the caller may read what belongs to the teams.
func (c *call) mayRead(teams []string) bool {
	return c.has(slices.Concat(c.d.readScopes(), teamScopes(teams, "admin"), teamScopes(teams, "read")))
}

// readDeployment checks that the caller may read a deployment.
func (c *call) readDeployment(d state.Deployment) error {
	if c.mayRead(d.Teams) {
		return nil
	}
	return require(slices.Concat(c.d.readScopes(), teamScopes(d.Teams, "admin"), teamScopes(d.Teams, "read")))
}

// changeDeployment checks that the caller may change a deployment.
func (c *call) changeDeployment(d state.Deployment) error {
	scopes := append(c.d.adminScopes(), teamScopes(d.Teams, "admin")...)
	if c.has(scopes) {
		return nil
	}
	return require(scopes)
}

// accessTask checks that the caller may read a task, or see its logs.
func (c *call) accessTask(t state.Task, logs bool) error {
	scopes := append(c.d.adminScopes(), teamScopes(t.Teams, "admin")...)
	if logs {
		if c.has(scopes) {
			return nil
		}
		return require(scopes)
	}
	scopes = slices.Concat(c.d.readScopes(), teamScopes(t.Teams, "admin"), teamScopes(t.Teams, "read"))
	if c.has(scopes) {
		return nil
	}
	return fault.WithStatus(http.StatusUnauthorized, fault.Unauthorized, "One of the following scopes is required to access this task: %s",
		strings.Join(scopes, ", "))
}
