package broker

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// operationType says what an operation does; the values are in operation data.
type operationType string

const (
	opCreate      operationType = "create"
	opUpdate      operationType = "update"
	opUpgrade     operationType = "upgrade"
	opRecreate    operationType = "recreate"
	opDelete      operationType = "delete"
	opForceDelete operationType = "force-delete"
)

// noun is the word of §1.9's descriptions: "Instance provisioning in progress".
func (t operationType) noun() string {
	switch t {
	case opCreate:
		return "provisioning"
	case opDelete:
		return "deletion"
	case opForceDelete:
		return "forced deletion"
	default:
		return string(t)
	}
}

func (t operationType) deletes() bool { return t == opDelete || t == opForceDelete }

// operationData is what the platform keeps and sends back with every poll. Names
// and shape are a contract between programs (§1.9): brokers before and after this
// one read it.
type operationData struct {
	BoshTaskID       int
	BoshContextID    string `json:",omitempty"`
	OperationType    operationType
	PlanID           string `json:",omitempty"`
	PostDeployErrand legacyErrand
	PreDeleteErrand  legacyErrand
	Errands          []errand `json:",omitempty"`
}

// legacyErrand is always there, and empty in what this broker writes.
type legacyErrand struct {
	Name      string   `json:",omitempty"`
	Instances []string `json:",omitempty"`
}

type errand struct {
	Name      string
	Instances []string
}

// maxOperation is what OSB 2.17 allows an operation string to have at most.
const maxOperation = 10_000

// String is the operation as platforms keep it.
func (d operationData) String() string {
	text, err := json.Marshal(d)
	if err != nil { // texts and numbers only: cannot be
		return ""
	}
	return string(text)
}

//lint:ignore ST1005 the text of reference/on-demand-broker.md §1.9
var errNoOperation = errors.New("Request missing operation data, please check your Cloud Foundry version is v238+")

func parseOperation(text string) (operationData, error) {
	var d operationData
	switch {
	case text == "":
		return d, errNoOperation
	case len(text) > maxOperation:
		return d, fmt.Errorf("operation data has %d characters; at most %d are allowed", len(text), maxOperation)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, errors.New("operation data cannot be parsed")
	}
	if d.BoshTaskID <= 0 {
		return d, errors.New("operation data names no BOSH task")
	}
	switch d.OperationType {
	case opCreate, opUpdate, opUpgrade, opRecreate, opDelete, opForceDelete:
	default:
		return d, errors.New("operation data has an unknown operation type")
	}
	if len(d.Errands) == 0 {
		legacy := d.PostDeployErrand
		if d.OperationType.deletes() {
			legacy = d.PreDeleteErrand
		}
		if legacy.Name != "" {
			d.Errands = []errand{{legacy.Name, legacy.Instances}}
		}
	}
	return d, nil
}

func errandsOf(errands []serviceadapter.Errand) []errand {
	var all []errand
	for _, e := range errands {
		all = append(all, errand{e.Name, e.Instances})
	}
	return all
}
