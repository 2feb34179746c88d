package stack

import (
	"fmt"
	"time"

	"github.com/google/renameio/v2"
	"gopkg.in/yaml.v3"
)

// apiConfig writes the configuration file of pks-api.
func (s *Stack) writeAPIConfig() error {
	plans := make([]any, 0, len(offeredPlans()))
	for _, p := range offeredPlans() {
		plans = append(plans, p.Plan)
	}
	return writeConfig(s.layout.APIConfig(), "pks-api", map[string]any{
		"listen": address(s.ports.API),
		"tls": map[string]any{
			"certificate_file": s.layout.ServerCertificate(),
			"private_key_file": s.layout.ServerKey(),
		},
		"database": map[string]any{"driver": "sqlite", "path": s.layout.APIDatabase()},
		"uaa": map[string]any{
			"url":           s.ports.UAAURL(),
			"issuer":        s.issuer(),
			"ca_file":       s.layout.CACertificate(),
			"client_id":     clientAPI,
			"client_secret": s.secrets.PKSClient.Reveal(),
			"audiences":     []string{"pks.clusters"},
		},
		"service_instances": map[string]any{
			"username": brokerUser,
			"password": s.secrets.InstancesBasic.Reveal(),
		},
		"broker": map[string]any{
			"url":        s.ports.BrokerURL(),
			"ca_file":    s.layout.CACertificate(),
			"username":   brokerUser,
			"password":   s.secrets.BrokerBasic.Reveal(),
			"service_id": serviceID,
			"timeout":    (60 * time.Second).String(),
		},
		"kubernetes_version": s.current().Kubernetes,
		"plans":              plans,
		"poll_interval":      s.options.PollInterval.String(),
		"log":                map[string]any{"level": "info"},
	})
}

func writeConfig(path, program string, config any) error {
	raw, err := yaml.Marshal(config)
	if err != nil {
		return fmt.Errorf("encode the configuration of %s: %w", program, err)
	}
	header := "# Written by pks-local at every start; changes here are lost.\n"
	if err := renameio.WriteFile(path, append([]byte(header), raw...), 0o600); err != nil {
		return fmt.Errorf("write the configuration of %s: %w", program, err)
	}
	return nil
}
