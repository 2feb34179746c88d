package adapter

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// bindingDeadline bounds one call as a whole. The API waits 60 seconds for the
// broker, which has work of its own before and after.
const bindingDeadline = 40 * time.Second

// bindingID is also the name of a ServiceAccount and the value of a label.
var bindingID = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// deployed is what a binding needs to know of a cluster that exists.
type deployed struct {
	record  record
	masters []string // addresses
	ca      []byte   // PEM
	token   string   // of the cluster's administrator
	login   *oidcLogin
}

// oidcLogin is set when users log in to the cluster with ID tokens.
type oidcLogin struct {
	issuer, clientID, prefix, ca string
}

// newDeployed finds the way into a cluster: addresses from the topology,
// credentials from the secrets that the manifest's references stand for.
func newDeployed(m bosh.BoshManifest, vms bosh.BoshVMs, secrets serviceadapter.ManifestSecrets) (deployed, error) {
	r, err := readRecord(m)
	if err != nil {
		return deployed{}, err
	}
	d := deployed{record: r, masters: vms[masterGroup]}
	if len(d.masters) == 0 {
		return deployed{}, refuse("bosh_vms: the cluster has no master with an address.").WithRemedy("Wait until its creation is done, or mend it with 'bosh cck'.")
	}
	properties, err := apiServerOf(m)
	if err != nil {
		return deployed{}, err
	}
	if d.token, err = resolve(fmt.Sprint(properties["admin-password"]), secrets); err != nil {
		return deployed{}, err
	}
	ca, err := resolve(textAt(at(at(jobOf(m, jobManager), "tls"), "kubernetes"), "ca"), secrets)
	if err != nil {
		return deployed{}, err
	}
	d.ca = []byte(ca)
	args := properties["k8s-args"]
	if issuer := textAt(args, "oidc-issuer-url"); issuer != "" {
		d.login = &oidcLogin{
			issuer: issuer, clientID: textAt(args, "oidc-client-id"), prefix: textAt(args, "oidc-username-prefix"),
			ca: textAt(properties["oidc"], "ca"),
		}
		if d.login.prefix == "-" { // the API server's word for none
			d.login.prefix = ""
		}
	}
	return d, nil
}

// jobOf are the properties of the first job of the name; nil for none.
func jobOf(m bosh.BoshManifest, name string) map[string]any {
	for _, g := range m.InstanceGroups {
		for _, j := range g.Jobs {
			if j.Name == name {
				return j.Properties
			}
		}
	}
	return nil
}

func apiServerOf(m bosh.BoshManifest) (map[string]any, error) {
	if properties := jobOf(m, jobAPIServer); properties != nil {
		return properties, nil
	}
	return nil, refuse("manifest has no job kube-apiserver.").WithRemedy("Compare it with 'bosh manifest'.")
}

// createBinding makes a credential of its own for in.BindingID and returns the
// kubeconfig that holds it (reference/pks-api.md §6.1). Parameters of the
// request: "user", who asks; "suppress_cluster_role_binding", true to give no
// rights; "service_account", true for one also in a cluster that people log in to;
// "login_only", true to refuse any other cluster.
func createBinding(ctx context.Context, in serviceadapter.CreateBindingParams) (serviceadapter.Binding, error) {
	ctx, cancel := context.WithTimeout(ctx, bindingDeadline)
	defer cancel()
	if !bindingID.MatchString(in.BindingID) {
		return serviceadapter.Binding{}, refuse("binding_id %q cannot be the name of a service account.", in.BindingID).WithRemedy("Use a UUID in lower case.")
	}
	d, err := newDeployed(in.Manifest, in.DeploymentTopology, in.Secrets)
	if err != nil {
		return serviceadapter.Binding{}, err
	}
	params := in.RequestParams.ArbitraryParams()
	suppress, _ := params["suppress_cluster_role_binding"].(bool)
	account, _ := params["service_account"].(bool)
	if loginOnly, _ := params["login_only"].(bool); loginOnly && d.login == nil {
		return serviceadapter.Binding{}, refuse("Users of UAA cannot log in to cluster %s.", d.record.Spec.ClusterName).
			WithRemedy("Ask the cluster's owner for credentials; only plans with OIDC let everybody log in.")
	}
	k, err := d.connect(ctx)
	if err != nil {
		return serviceadapter.Binding{}, err
	}
	if d.login != nil && !account {
		user, _ := params["user"].(string)
		return d.bindUser(ctx, k, in.BindingID, user, !suppress)
	}
	return d.bindServiceAccount(ctx, k, in.BindingID, !suppress)
}

// bindServiceAccount makes a ServiceAccount with a token. What was made before a
// step failed is taken away again.
func (d deployed) bindServiceAccount(ctx context.Context, k *kubernetesAPI, id string, admin bool) (serviceadapter.Binding, error) {
	if err := k.createServiceAccount(ctx, id); err != nil {
		return serviceadapter.Binding{}, err
	}
	token, err := d.serviceAccountToken(ctx, k, id, admin)
	if err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		return serviceadapter.Binding{}, errors.Join(err, ignoreMissing(k.withdraw(undo, id)))
	}
	return d.kubeconfig(id, map[string]any{"token": token}), nil
}

func (d deployed) serviceAccountToken(ctx context.Context, k *kubernetesAPI, id string, admin bool) (string, error) {
	if admin {
		if err := k.makeClusterAdmin(ctx, id, id, serviceAccountSubject(id)); err != nil {
			return "", err
		}
	}
	if d.record.TokenLifetime == "" {
		return k.lastingToken(ctx, id)
	}
	lifetime, err := time.ParseDuration(d.record.TokenLifetime)
	if err != nil {
		return "", refuse("manifest: features.%s.token_lifetime is %q.", recordKey, d.record.TokenLifetime).WithRemedy("Set the plan's binding.token_lifetime to a duration such as 8h and update the cluster.")
	}
	return k.boundToken(ctx, id, lifetime)
}

// bindUser gives a person of the identity provider a kubeconfig without a secret:
// the client logs in itself and fills in the tokens.
func (d deployed) bindUser(ctx context.Context, k *kubernetesAPI, id, user string, admin bool) (serviceadapter.Binding, error) {
	if user == "" {
		return serviceadapter.Binding{}, refuse("parameters.user is missing.").WithRemedy("Name the user who logs in to the cluster.")
	}
	if admin {
		if err := k.makeClusterAdmin(ctx, id, user, userSubject(d.login.prefix+user)); err != nil {
			return serviceadapter.Binding{}, err
		}
	}
	config := map[string]any{
		"client-id": d.login.clientID, "client-secret": "", "cluster_client_secret": "",
		"id-token": "", "idp-issuer-url": d.login.issuer, "refresh-token": "",
	}
	if d.login.ca != "" {
		config["idp-certificate-authority-data"] = base64.StdEncoding.EncodeToString([]byte(d.login.ca))
	}
	return d.kubeconfig(user, map[string]any{"auth-provider": map[string]any{"name": "oidc", "config": config}}), nil
}

// kubeconfig is the document of reference/pks-api.md §6.1. Clients read the first
// entry of each list, and address the user by name.
func (d deployed) kubeconfig(user string, credential map[string]any) serviceadapter.Binding {
	name := d.record.Spec.ClusterName
	return serviceadapter.Binding{Credentials: map[string]any{
		"apiVersion":      "v1",
		"kind":            "Config",
		"preferences":     map[string]any{},
		"current-context": name,
		"contexts": []any{map[string]any{
			"name": name, "context": map[string]any{"cluster": name, "user": user},
		}},
		"clusters": []any{map[string]any{
			"name": name, "cluster": map[string]any{
				"certificate-authority-data": base64.StdEncoding.EncodeToString(d.ca),
				"server":                     d.record.endpoint(),
			},
		}},
		"users": []any{map[string]any{"name": user, "user": credential}},
	}}
}

// deleteBinding withdraws what createBinding made. When nothing of it is left the
// error is errBindingNotFound.
func deleteBinding(ctx context.Context, in serviceadapter.DeleteBindingParams) error {
	ctx, cancel := context.WithTimeout(ctx, bindingDeadline)
	defer cancel()
	if !bindingID.MatchString(in.BindingID) {
		return errBindingNotFound
	}
	d, err := newDeployed(in.Manifest, in.DeploymentTopology, in.Secrets)
	if err != nil {
		return err
	}
	k, err := d.connect(ctx)
	if err != nil {
		return err
	}
	return k.withdraw(ctx, in.BindingID)
}

func ignoreMissing(err error) error {
	if errors.Is(err, errBindingNotFound) {
		return nil
	}
	return err
}
