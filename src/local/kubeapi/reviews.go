package kubeapi

import (
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of a token's life, as a real server has them.
const (
	defaultTokenSeconds = 3600
	minTokenSeconds     = 600
	maxTokenSeconds     = 1 << 32
)

// createToken answers a TokenRequest (serviceaccounts/NAME/token).
func (c *cluster) createToken(r request) (any, error) {
	var t authenticationv1.TokenRequest
	if err := r.readObject(&t); err != nil {
		return nil, err
	}
	o, ok := c.find(serviceAccounts, r.namespace, r.name)
	if !ok {
		return nil, apierrors.NewNotFound(r.kind.groupResource(), r.name)
	}
	seconds := int64(defaultTokenSeconds)
	if t.Spec.ExpirationSeconds != nil {
		seconds = *t.Spec.ExpirationSeconds
	}
	var errs field.ErrorList
	at := field.NewPath("spec").Child("expirationSeconds")
	if seconds < minTokenSeconds {
		errs = append(errs, field.Invalid(at, seconds, "may not specify a duration less than 10 minutes"))
	}
	if seconds > maxTokenSeconds {
		errs = append(errs, field.Invalid(at, seconds, "may not specify a duration larger than 2^32 seconds"))
	}
	if len(errs) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Group: authenticationv1.GroupName, Kind: "TokenRequest"}, "", errs)
	}
	id := c.who()
	if len(t.Spec.Audiences) == 0 {
		t.Spec.Audiences = []string{id.issuer}
	}
	now := c.now()
	expires := now.Add(time.Duration(seconds) * time.Second)
	token, err := id.boundToken(o.(*corev1.ServiceAccount), t.Spec.Audiences, now, expires, newUID())
	if err != nil {
		return nil, err
	}
	t.TypeMeta = metav1.TypeMeta{Kind: "TokenRequest", APIVersion: authenticationv1.SchemeGroupVersion.String()}
	t.ObjectMeta = metav1.ObjectMeta{Name: r.name, Namespace: r.namespace, CreationTimestamp: metav1.NewTime(now)}
	t.Spec.ExpirationSeconds = &seconds
	t.Status = authenticationv1.TokenRequestStatus{Token: token, ExpirationTimestamp: metav1.NewTime(expires)}
	return t, nil
}

// review is a question to the server that leaves nothing behind.
type review struct {
	schema.GroupVersion
	kind   string // SelfSubjectReview
	answer func(c *cluster, r request) (any, error)
}

func (v review) resource() string { return strings.ToLower(v.kind) + "s" }

// reviews are "who am I", "may I" and "what may I".
func reviews() []review {
	return []review{
		{authenticationv1.SchemeGroupVersion, "SelfSubjectReview", whoAmI},
		{authorizationv1.SchemeGroupVersion, "SelfSubjectAccessReview", mayI},
		{authorizationv1.SchemeGroupVersion, "SelfSubjectRulesReview", whatMayI},
	}
}

// reviewOf finds the one that the path names.
func reviewOf(gv schema.GroupVersion, parts []string) (review, bool) {
	if len(parts) == 1 {
		for _, v := range reviews() {
			if v.GroupVersion == gv && v.resource() == parts[0] {
				return v, true
			}
		}
	}
	return review{}, false
}

func (c *cluster) serveReview(w http.ResponseWriter, r request, v review) {
	a := attributes{verb: "create", group: v.Group, resource: v.resource()}
	if !c.allowed(r.user, a) {
		respondError(w, forbidden(a, r.user))
		return
	}
	if r.Method != http.MethodPost {
		respondError(w, apierrors.NewMethodNotSupported(schema.GroupResource{Group: v.Group, Resource: v.resource()}, r.Method))
		return
	}
	answer, err := v.answer(c, r)
	if err != nil {
		respondError(w, err)
		return
	}
	respond(w, http.StatusCreated, answer)
}

func whoAmI(_ *cluster, r request) (any, error) {
	var s authenticationv1.SelfSubjectReview
	if err := r.readObject(&s); err != nil {
		return nil, err
	}
	s.TypeMeta = metav1.TypeMeta{Kind: "SelfSubjectReview", APIVersion: authenticationv1.SchemeGroupVersion.String()}
	s.Status.UserInfo = authenticationv1.UserInfo{Username: r.user.name, UID: r.user.uid, Groups: r.user.groups}
	return s, nil
}

func mayI(c *cluster, r request) (any, error) {
	var s authorizationv1.SelfSubjectAccessReview
	if err := r.readObject(&s); err != nil {
		return nil, err
	}
	s.TypeMeta = metav1.TypeMeta{Kind: "SelfSubjectAccessReview", APIVersion: authorizationv1.SchemeGroupVersion.String()}
	var a attributes
	switch {
	case s.Spec.ResourceAttributes != nil && s.Spec.NonResourceAttributes == nil:
		ra := s.Spec.ResourceAttributes
		a = attributes{verb: ra.Verb, group: ra.Group, resource: ra.Resource, namespace: ra.Namespace, name: ra.Name}
		if ra.Subresource != "" {
			a.resource += "/" + ra.Subresource
		}
	case s.Spec.NonResourceAttributes != nil && s.Spec.ResourceAttributes == nil:
		a = attributes{verb: s.Spec.NonResourceAttributes.Verb, nonResource: s.Spec.NonResourceAttributes.Path}
	default:
		return nil, apierrors.NewInvalid(schema.GroupKind{Group: authorizationv1.GroupName, Kind: "SelfSubjectAccessReview"}, "", field.ErrorList{
			field.Invalid(field.NewPath("spec").Child("resourceAttributes"), s.Spec.ResourceAttributes, "exactly one of nonResourceAttributes or resourceAttributes must be specified"),
		})
	}
	s.Status = authorizationv1.SubjectAccessReviewStatus{Allowed: c.allowed(r.user, a)}
	return s, nil
}

// whatMayI lists the rules that apply to the user in a namespace.
func whatMayI(c *cluster, r request) (any, error) {
	var s authorizationv1.SelfSubjectRulesReview
	if err := r.readObject(&s); err != nil {
		return nil, err
	}
	if s.Spec.Namespace == "" {
		return nil, apierrors.NewBadRequest("no namespace on request")
	}
	s.TypeMeta = metav1.TypeMeta{Kind: "SelfSubjectRulesReview", APIVersion: authorizationv1.SchemeGroupVersion.String()}
	s.Status = authorizationv1.SubjectRulesReviewStatus{ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{}}
	for _, rule := range c.rulesOf(r.user, s.Spec.Namespace) {
		if len(rule.NonResourceURLs) > 0 {
			s.Status.NonResourceRules = append(s.Status.NonResourceRules, authorizationv1.NonResourceRule{Verbs: rule.Verbs, NonResourceURLs: rule.NonResourceURLs})
			continue
		}
		s.Status.ResourceRules = append(s.Status.ResourceRules, authorizationv1.ResourceRule{
			Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames,
		})
	}
	return s, nil
}
