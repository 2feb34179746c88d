package errand

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// Patience is how a server that is away is waited for: its restart, or its upgrade
// by the very deployment whose errand this is.
type Patience struct {
	Pause time.Duration // between attempts
	Limit time.Duration // of the time in which there is no answer
	Note  func(text string)
}

// Persist asks until there is an answer, or an error that waiting does not mend.
func Persist[T any](ctx context.Context, p Patience, ask func(context.Context) (T, error)) (T, error) {
	var since time.Time
	for {
		answer, err := ask(ctx)
		switch {
		case err == nil:
			if !since.IsZero() {
				p.Note("The API answers again.")
			}
			return answer, nil
		case ctx.Err() != nil:
			return answer, ctx.Err()
		case !Passing(err):
			return answer, Remedied(err)
		case since.IsZero():
			since = time.Now()
			p.Note(fmt.Sprintf("No good answer: %v. What has begun goes on; trying again for %s.", err, p.Limit))
		case time.Since(since) >= p.Limit:
			return answer, fmt.Errorf("no good answer for %s: %w", p.Limit, Remedied(err))
		}
		if err := Pause(ctx, p.Pause); err != nil {
			return answer, err
		}
	}
}

// Pause waits, or returns the context's error.
func Pause(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Passing tells an outage from what is wrong for good. What a load balancer says in
// the place of an API that is away is no JSON.
func Passing(err error) bool {
	if trouble, ok := errors.AsType[*apiclient.UnreachableError](err); ok {
		return trouble.Trouble == apiclient.TroubleConnection || trouble.Trouble == apiclient.TroubleTimeout
	}
	if _, ok := errors.AsType[*apiclient.NotAPIError](err); ok {
		return true
	}
	if errors.Is(err, uaa.ErrUnreachable) || errors.Is(err, uaa.ErrUnavailable) || errors.Is(err, uaa.ErrNotUAA) {
		return true
	}
	refusal, ok := errors.AsType[*apiclient.Error](err)
	if !ok {
		return false
	}
	switch refusal.Code {
	case pks.CodeDeploymentLost, pks.CodeDeployFailed, pks.CodeBrokerRefused, pks.CodePreviewUnavailable:
		return false // of one cluster, or for good
	}
	return refusal.Status >= http.StatusInternalServerError || refusal.Status == http.StatusTooManyRequests
}

// Remedied adds what to do about it.
func Remedied(err error) error {
	refusal, refused := errors.AsType[*apiclient.Error](err)
	trouble, unreachable := errors.AsType[*apiclient.UnreachableError](err)
	switch {
	case errors.Is(err, uaa.ErrCredentialsRejected), errors.Is(err, uaa.ErrRequestRefused), errors.Is(err, uaa.ErrNoScope):
		return fmt.Errorf("%w; see the properties uaa.client_id and uaa.client_secret", err)
	case errors.Is(err, uaa.ErrCertificate):
		return fmt.Errorf("%w; see the properties uaa.url and uaa.ca", err)
	case unreachable && trouble.Trouble != apiclient.TroubleConnection && trouble.Trouble != apiclient.TroubleTimeout:
		return fmt.Errorf("%w; see the properties api.url and api.ca", err)
	case refused && (refusal.Status == http.StatusUnauthorized || refusal.Code == pks.CodeForbidden || refusal.Status == http.StatusForbidden && refusal.Code == ""):
		return fmt.Errorf("%w (%d); the UAA client of uaa.client_id needs the authority pks.clusters.admin", err, refusal.Status)
	case refused && refusal.Remedy != "":
		return fmt.Errorf("%w %s", err, refusal.Remedy)
	}
	return err
}
