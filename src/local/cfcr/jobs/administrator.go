package jobs

import (
	"errors"

	"github.com/pks-community/pks-release/src/local/machine"
)

// Administrator is how a master's Kubernetes API is asked by the user who may ask everything.
type Administrator struct {
	CA         string // PEM of who signed the API's certificate
	ServerName string // a name in that certificate
	Token      string
}

// AdministratorOf reads a master's specification. Others have no Kubernetes API, and get an error, as does
// a master without the properties.
func AdministratorOf(spec machine.Spec) (Administrator, error) {
	job, ok := spec.Job(machine.KubernetesAPIJob)
	if !ok {
		return Administrator{}, errors.New("it runs no Kubernetes API")
	}
	a := Administrator{ServerName: masterInternal}
	for name, target := range map[string]*string{"tls.kubernetes.ca": &a.CA, "admin-password": &a.Token} {
		value, _ := lookup(job.Properties, name)
		if *target, ok = scalar(value); !ok || *target == "" {
			return Administrator{}, errors.New("property " + name + " is missing")
		}
	}
	return a, nil
}
