package adapter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	core "k8s.io/client-go/kubernetes/typed/core/v1"
	rbac "k8s.io/client-go/kubernetes/typed/rbac/v1"
	"k8s.io/client-go/rest"

	"github.com/pks-community/pks-release/src/pks"
)

const (
	requestTimeout = 10 * time.Second
	tokenTimeout   = 15 * time.Second
	tokenPoll      = 100 * time.Millisecond

	bindingNamespace = "default"
	bindingLabel     = "pks-system/binding-id"
)

// kubernetesAPI is one master's API server.
type kubernetesAPI struct {
	core core.CoreV1Interface
	rbac rbac.RbacV1Interface
}

// connect finds a master that is ready, in the order of the topology.
func (d deployed) connect(ctx context.Context) (*kubernetesAPI, error) {
	var errs []error
	for _, address := range d.masters {
		k, err := d.client(address)
		if err == nil {
			err = k.ready(ctx)
		}
		if err == nil {
			return k, nil
		}
		if apierrors.IsUnauthorized(err) {
			return nil, refuse("The cluster does not accept its administrator's password.").
				WithRemedy("Ask the platform's operator to redeploy the cluster: the password was changed without it.").WithCause(err)
		}
		errs = append(errs, fmt.Errorf("master %s: %w", address, err))
	}
	return nil, pks.Failf(pks.CodeBrokerUnavailable, "No master of the cluster answers.").
		WithRemedy("Try again in a few minutes; if it stays so, ask the platform's operator to look at the cluster's masters.").
		WithCause(errors.Join(errs...))
}

// client talks to one master by its address. Its certificate has the internal
// name, not the address.
func (d deployed) client(address string) (*kubernetesAPI, error) {
	config := &rest.Config{
		Host:        "https://" + net.JoinHostPort(address, strconv.Itoa(apiServerPort)),
		BearerToken: d.token,
		Timeout:     requestTimeout,
		UserAgent:   "pks-service-adapter",
		TLSClientConfig: rest.TLSClientConfig{
			CAData:     d.ca,
			ServerName: masterInternal,
		},
	}
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("set up TLS: %w", err)
	}
	c, err := core.NewForConfigAndClient(config, http)
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	r, err := rbac.NewForConfigAndClient(config, http)
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	return &kubernetesAPI{core: c, rbac: r}, nil
}

func (k *kubernetesAPI) ready(ctx context.Context) error {
	return k.core.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

func (k *kubernetesAPI) createServiceAccount(ctx context.Context, id string) error {
	_, err := k.core.ServiceAccounts(bindingNamespace).Create(ctx, &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: id, Labels: labels(id)},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create service account %s: %w", id, errBindingExists)
	}
	return refused("create the service account", err)
}

// makeClusterAdmin gives the subject all rights, under the name that clients know
// (reference/pks-api.md §6.1). A user who has them already keeps them.
func (k *kubernetesAPI) makeClusterAdmin(ctx context.Context, id, user string, subject rbacv1.Subject) error {
	name := "pks:" + user + "-cluster-admin"
	if strings.ContainsAny(name, "/%") {
		return refuse("parameters.user %q cannot be part of a cluster role binding's name.", user).WithRemedy("Ask for a credential without rights, and bind the user by hand.")
	}
	_, err := k.rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels(id)},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{subject},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return refused("create the cluster role binding", err)
}

func serviceAccountSubject(id string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: id, Namespace: bindingNamespace}
}

func userSubject(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
}

// lastingToken makes a Secret that the cluster fills with a token. It works on
// every version: older ones would make such a Secret unasked, newer ones do not.
func (k *kubernetesAPI) lastingToken(ctx context.Context, id string) (string, error) {
	secrets := k.core.Secrets(bindingNamespace)
	name := id + "-token"
	_, err := secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: labels(id), Annotations: map[string]string{corev1.ServiceAccountNameKey: id},
		},
		Type: corev1.SecretTypeServiceAccountToken,
	}, metav1.CreateOptions{})
	if err != nil {
		return "", refused("create the token", err)
	}
	var token []byte
	err = wait.PollUntilContextTimeout(ctx, tokenPoll, tokenTimeout, true, func(ctx context.Context) (bool, error) {
		secret, err := secrets.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		token = secret.Data[corev1.ServiceAccountTokenKey]
		return len(token) > 0, nil
	})
	if err != nil {
		return "", pks.Failf(pks.CodeBrokerUnavailable, "The cluster did not make a token.").
			WithRemedy("Try again; if it stays so, ask the platform's operator to look at the cluster's kube-controller-manager.").
			WithCause(fmt.Errorf("wait for the token of secret %s: %w", name, err))
	}
	return string(token), nil
}

// boundToken asks for a token that ends by itself.
func (k *kubernetesAPI) boundToken(ctx context.Context, id string, lifetime time.Duration) (string, error) {
	seconds := int64(lifetime / time.Second)
	answer, err := k.core.ServiceAccounts(bindingNamespace).CreateToken(ctx, id, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", refused("ask for a token", err)
	}
	return answer.Status.Token, nil
}

// withdraw removes whatever a binding made. Parts that are gone do not matter,
// but when all are, there was no such binding.
func (k *kubernetesAPI) withdraw(ctx context.Context, id string) error {
	found := false
	gone := func(what string, err error) error {
		if apierrors.IsNotFound(err) {
			return nil
		}
		found = found || err == nil
		return refused(what, err)
	}
	list, err := k.rbac.ClusterRoleBindings().List(ctx, metav1.ListOptions{LabelSelector: bindingLabel + "=" + id})
	if err != nil {
		return refused("list the cluster role bindings", err)
	}
	var errs []error
	for _, b := range list.Items {
		errs = append(errs, gone("delete the cluster role binding", k.rbac.ClusterRoleBindings().Delete(ctx, b.Name, metav1.DeleteOptions{})))
	}
	errs = append(errs,
		gone("delete the token", k.core.Secrets(bindingNamespace).Delete(ctx, id+"-token", metav1.DeleteOptions{})),
		gone("delete the service account", k.core.ServiceAccounts(bindingNamespace).Delete(ctx, id, metav1.DeleteOptions{})))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("withdraw %s: %w", id, errBindingNotFound)
	}
	return nil
}

func labels(id string) map[string]string { return map[string]string{bindingLabel: id} }

// refused makes an API server's refusal readable: what was tried, and its reason.
func refused(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return refuse("The cluster did not let its administrator %s.", what).
			WithRemedy("Ask the platform's operator to check the cluster's admission plugins and roles.").WithCause(err)
	default:
		return pks.Failf(pks.CodeBrokerUnavailable, "The cluster could not %s.", what).
			WithRemedy("Try again; if it stays so, ask the platform's operator to look at the cluster's masters.").WithCause(err)
	}
}
