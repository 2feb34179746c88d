package api

import (
	"context"
	"net/http"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// listMachines answers GET /v1/clusters/{name}/machines: how the cluster's
// machines are just now. It is the one read that leaves the database: nobody but
// BOSH knows.
func (s *Server) listMachines(ctx context.Context, x *exchange) (answer, error) {
	machines, err := s.config.Engine.Machines(ctx, x.on)
	if err != nil {
		return answer{}, err
	}
	documents := make([]v1.Machine, 0, len(machines))
	for _, m := range machines {
		document := v1.Machine{
			Group: m.Group, ID: m.ID, Index: m.Index, AZ: m.AZ, IPs: append([]string{}, m.IPs...), State: m.State, Desired: m.Desired,
			Bootstrap: m.Bootstrap, Ignored: m.Ignored, Disks: make([]v1.Disk, 0, len(m.Disks)), Processes: make([]v1.Process, 0, len(m.Processes)),
		}
		for _, d := range m.Disks {
			document.Disks = append(document.Disks, v1.Disk(d))
		}
		for _, p := range m.Processes {
			document.Processes = append(document.Processes, v1.Process(p))
		}
		documents = append(documents, document)
	}
	return answer{http.StatusOK, documents}, nil
}
