package agent

import (
	"net/netip"

	"github.com/pks-community/pks-release/src/local/machine"
)

// Paths of the agent's HTTP interface.
const (
	pathPlan    = "/v1/plan"    // PUT Plan
	pathStart   = "/v1/start"   // POST
	pathStop    = "/v1/stop"    // POST; answers when stopped
	pathState   = "/v1/state"   // GET machine.State
	pathScripts = "/v1/scripts" // POST scriptRequest
	pathRuns    = "/v1/runs"    // POST runRequest; answers runResponse
	pathCancel  = "/v1/cancel"  // POST cancelRequest
	pathHosts   = "/v1/hosts"   // PUT map of names to addresses
	pathDial    = "/v1/dial"    // GET ?address=; switches to protocolTCP
)

// protocolTCP is what a dialled connection is upgraded to.
const protocolTCP = "tcp"

type scriptRequest struct {
	Script machine.Script `json:"script"`
}

// runRequest asks for an errand or a command; ID is what cancelRequest names.
type runRequest struct {
	ID      string   `json:"id"`
	Errand  string   `json:"errand,omitempty"`
	Command *Command `json:"command,omitempty"`
}

type runResponse struct {
	Result machine.ErrandResult `json:"result"`
}

type cancelRequest struct {
	ID string `json:"id"`
}

type hosts map[string][]netip.Addr

type failure struct {
	Error string `json:"error"`
}
