package api_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

// offers are the profiles and quotas of a world.
type offers struct {
	profiles map[string]pks.NamedProfile // by kind and name
	quotas   map[string]pks.Quota        // by owner

	onCreate func(lifecycle.CreateRequest)
	onUpdate func(lifecycle.UpdateRequest)
}

func newOffers() offers {
	return offers{
		profiles: map[string]pks.NamedProfile{}, quotas: map[string]pks.Quota{},
		onCreate: func(lifecycle.CreateRequest) {}, onUpdate: func(lifecycle.UpdateRequest) {},
	}
}

func profileKey(kind pks.ProfileKind, name string) string { return string(kind) + " " + name }

// offering puts a profile into the world.
func (w *world) offering(kind pks.ProfileKind, name string, owner pks.Principal, parameters string) *world {
	w.profiles[profileKey(kind, name)] = pks.NamedProfile{
		ID: fmt.Sprintf("10000000-0000-4000-8000-%012d", len(w.profiles)+1), Kind: kind, Name: name, Description: "about " + name,
		Owner: owner, Parameters: json.RawMessage(parameters), CreatedAt: time.Unix(1584000000, 0).UTC(),
	}
	return w
}

func (w *world) Profile(_ context.Context, kind pks.ProfileKind, name string) (pks.NamedProfile, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return pks.NamedProfile{}, w.down
	}
	p, ok := w.profiles[profileKey(kind, name)]
	if !ok {
		return p, pks.Failf(pks.CodeProfileNotFound, "The %s %s was not found.", kind.Noun(), name)
	}
	return p, nil
}

func (w *world) Profiles(_ context.Context, kind pks.ProfileKind, owner *pks.Principal) ([]pks.NamedProfile, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []pks.NamedProfile
	for _, p := range w.profiles {
		if p.Kind == kind && (owner == nil || owner.Same(p.Owner)) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b pks.NamedProfile) int { return cmp.Compare(a.Name, b.Name) })
	return found, w.down
}

func (w *world) CreateProfile(_ context.Context, p pks.NamedProfile) (pks.NamedProfile, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := profileKey(p.Kind, p.Name)
	if _, taken := w.profiles[key]; taken {
		return p, pks.Failf(pks.CodeNameTaken, "A %s named %s already exists.", p.Kind.Noun(), p.Name)
	}
	p.ID, p.CreatedAt = fmt.Sprintf("10000000-0000-4000-8000-%012d", len(w.profiles)+1), time.Unix(1584000000, 0).UTC()
	w.profiles[key] = p
	w.changes++
	return p, w.failNext
}

func (w *world) DeleteProfile(_ context.Context, p pks.NamedProfile) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.clusters {
		if c.Spec.ProfileName(p.Kind) == p.Name {
			return pks.Failf(pks.CodeInUse, "The %s %s is in use by %s.", p.Kind.Noun(), p.Name, c.Name)
		}
	}
	delete(w.profiles, profileKey(p.Kind, p.Name))
	w.changes++
	return w.failNext
}

func (w *world) Quota(_ context.Context, owner string) (pks.Quota, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q, ok := w.quotas[owner]
	if !ok {
		return q, pks.Failf(pks.CodeQuotaNotFound, "The quota owner named: '%s' not found.", owner).WithRemedy("")
	}
	return q, w.down
}

func (w *world) Quotas(context.Context) ([]pks.Quota, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []pks.Quota
	for _, q := range w.quotas {
		found = append(found, q)
	}
	slices.SortFunc(found, func(a, b pks.Quota) int { return cmp.Compare(a.Owner, b.Owner) })
	return found, w.down
}

func (w *world) CreateQuota(_ context.Context, q pks.Quota) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, taken := w.quotas[q.Owner]; taken {
		return pks.Failf(pks.CodeNameTaken, "%s has a quota already.", q.Owner)
	}
	w.quotas[q.Owner] = q
	w.changes++
	return w.failNext
}

func (w *world) UpdateQuota(_ context.Context, owner string, change pks.Limit) (pks.Quota, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q, ok := w.quotas[owner]
	if !ok {
		return q, pks.Failf(pks.CodeQuotaNotFound, "The quota owner named: '%s' not found.", owner).WithRemedy("")
	}
	q.Limit = q.Limit.With(change)
	w.quotas[owner] = q
	w.changes++
	return q, w.failNext
}

func (w *world) DeleteQuota(_ context.Context, owner string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.quotas[owner]; !ok {
		return pks.Failf(pks.CodeQuotaNotFound, "The quota owner named: '%s' not found.", owner).WithRemedy("")
	}
	delete(w.quotas, owner)
	w.changes++
	return w.failNext
}
