package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/cli/watch"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// failure is an error as it is shown: what is wrong, then why and what to do.
type failure struct {
	what  string
	hints []string
	exit  int
	quiet bool // no error: somebody changed their mind
}

// errCancelled: the answer to a prompt was no.
var errCancelled = errors.New("cancelled")

// changeError: a change was sent and its answer did not come.
type changeError struct {
	name string
	err  error
}

func (e *changeError) Error() string { return e.err.Error() }
func (e *changeError) Unwrap() error { return e.err }

// changing marks the error of a request that may have been accepted all the same:
// nobody waited for the answer, or not long enough.
func changing(name string, err error) error {
	trouble, unreachable := errors.AsType[*apiclient.UnreachableError](err)
	if errors.Is(err, context.Canceled) || unreachable && trouble.Trouble == apiclient.TroubleTimeout {
		return &changeError{name: name, err: err}
	}
	return err
}

// describe is the one place where an error becomes a text and an exit code.
func (f *factory) describe(ctx context.Context, err error) failure {
	if detached, ok := errors.AsType[*watch.DetachedError](err); ok {
		return f.describeDetached(ctx, detached)
	}
	if detached, ok := errors.AsType[*watch.TaskDetachedError](err); ok {
		return f.describeTaskDetached(ctx, detached)
	}
	if change, ok := errors.AsType[*changeError](err); ok {
		shown := f.describe(ctx, change.err)
		shown.hints = append(shown.hints, fmt.Sprintf("The request may have been accepted all the same: see '%s cluster %s'.", f.name, change.name))
		return shown
	}
	if usage, ok := errors.AsType[*usageError](err); ok {
		return f.describeUsage(usage)
	}
	if errors.Is(err, errCancelled) || errors.Is(err, context.Canceled) || ctx.Err() != nil {
		return failure{what: "Cancelled.", exit: pks.ExitUsage, quiet: true}
	}
	if errors.Is(err, errUnwell) {
		return unwell()
	}
	if errors.Is(err, console.ErrNoAnswer) {
		return failure{what: "There was no answer; nothing is done.", exit: pks.ExitUsage}
	}
	if errors.Is(err, session.ErrNotLoggedIn) {
		return f.notLoggedIn()
	}
	if refusal, ok := errors.AsType[*apiclient.Error](err); ok {
		return f.describeRefusal(refusal)
	}
	if unknown, ok := errors.AsType[*session.UnknownTargetError](err); ok {
		hints := []string{fmt.Sprintf("Log in to it with '%s login --target %s', or choose one of '%s targets'.", f.name, unknown.Name, f.name)}
		if near := nearest(unknown.Name, unknown.Known); len(near) > 0 {
			hints = append([]string{"Did you mean this? " + strings.Join(near, ", ")}, hints...)
		}
		return failure{what: "There is no target " + unknown.Name + ".", hints: hints, exit: pks.ExitNotFound}
	}
	if trouble, ok := errors.AsType[*uaa.Error](err); ok {
		return f.describeUAA(trouble)
	}
	if shown, ok := describeBrowser(err); ok {
		return shown
	}
	if shown, ok := f.describeClusterLogin(err); ok {
		return shown
	}
	if trouble, ok := errors.AsType[*apiclient.UnreachableError](err); ok {
		return describeTrouble("API", trouble.URL, trouble.Trouble, trouble.Err)
	}
	if other, ok := errors.AsType[*apiclient.NotAPIError](err); ok {
		return failure{what: other.Error(), hints: []string{"Check the address given with --api at the login."}, exit: pks.ExitFailed}
	}
	if failed, ok := errors.AsType[*watch.FailedError](err); ok {
		detail := failed.Detail
		if strings.Contains(failed.Error(), detail) {
			detail = "" // said already
		}
		hints := []string{detail, fmt.Sprintf("Once the cause is mended, begin again with '%s retry %s', or delete the cluster with '%s delete-cluster %s'.", f.name, failed.Cluster.Name, f.name, failed.Cluster.Name)}
		return failure{what: failed.Error(), hints: hints, exit: pks.ExitFailed}
	}
	if upgrade, ok := errors.AsType[*upgradeError](err); ok {
		return failure{what: upgrade.Error(), hints: upgrade.reasons(), exit: pks.ExitFailed}
	}
	if broken, ok := errors.AsType[*session.BrokenError](err); ok {
		return failure{what: broken.Error(), hints: []string{fmt.Sprintf("Log in again with '%s login': it writes the file anew.", f.name)}, exit: pks.ExitFailed}
	}
	return failure{what: err.Error(), exit: pks.ExitFailed}
}

func (f *factory) notLoggedIn() failure {
	return failure{
		what:  session.ErrNotLoggedIn.Error(),
		hints: []string{fmt.Sprintf("Use '%s login -a API -u USER'.", f.name)},
		exit:  pks.ExitDenied,
	}
}

func (f *factory) describeUsage(usage *usageError) failure {
	// What cobra suggests comes on lines of its own.
	lines := strings.FieldsFunc(usage.text, func(r rune) bool { return r == '\n' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	path := f.name
	if usage.command != nil {
		path = usage.command.CommandPath()
	}
	what, hint := lines[0], fmt.Sprintf("See '%s --help'.", path)
	if len(lines) > 2 { // "Did you mean this?" and the names
		hint = lines[1] + " " + strings.Join(lines[2:], ", ")
	}
	return failure{what: what, hints: []string{hint}, exit: pks.ExitUsage}
}

func (f *factory) describeDetached(ctx context.Context, detached *watch.DetachedError) failure {
	follow := fmt.Sprintf("Attach again with '%s watch %s'.", f.name, detached.Name)
	if ctx.Err() != nil || errors.Is(detached.Err, context.Canceled) {
		return failure{what: "Stopped watching: " + detached.Error() + ".", hints: []string{follow}, exit: pks.ExitUsage, quiet: true}
	}
	if errors.Is(detached.Err, watch.ErrSuperseded) {
		return failure{what: fmt.Sprintf("Another operation on cluster %s has begun.", detached.Name), hints: []string{follow}, exit: pks.ExitConflict}
	}
	why := f.describe(ctx, detached.Err)
	if refusal, ok := errors.AsType[*apiclient.Error](detached.Err); ok && refusal.IsNotFound() {
		return why // deleted meanwhile: nothing goes on
	}
	why.hints = append(why.hints, "Stopped watching: "+detached.Error()+". "+follow)
	return why
}

func (f *factory) describeTaskDetached(ctx context.Context, detached *watch.TaskDetachedError) failure {
	follow := fmt.Sprintf("See how it goes with '%s task %s'.", f.name, detached.ID)
	if ctx.Err() != nil || errors.Is(detached.Err, context.Canceled) {
		return failure{what: "Stopped watching: " + detached.Error() + ".", hints: []string{follow}, exit: pks.ExitUsage, quiet: true}
	}
	why := f.describe(ctx, detached.Err)
	why.hints = append(why.hints, "Stopped watching: "+detached.Error()+". "+follow)
	return why
}

// describeRefusal shows what the API said. Servers of other makes give no code;
// then the status has to do.
func (f *factory) describeRefusal(refusal *apiclient.Error) failure {
	if refusal.Status == http.StatusUnauthorized {
		return f.notLoggedIn()
	}
	shown := failure{what: refusal.Body, hints: []string{refusal.Remedy}, exit: pks.ExitFailed}
	if refusal.Code == pks.CodeOperationInProgress && !strings.Contains(refusal.Body, refusal.OperationID) {
		shown.hints = append(shown.hints, "The operation in the way is "+refusal.OperationID+".")
	}
	if refusal.Code == pks.CodeDeletionLocked && len(f.args) > 0 {
		shown.hints[0] = fmt.Sprintf("Lift the lock first: '%s unlock %s'.", f.name, f.args[0])
	}
	if refusal.Status >= http.StatusInternalServerError && refusal.RequestID != "" {
		shown.hints = append(shown.hints, "The request id is "+refusal.RequestID+".")
	}
	if entry := pks.Lookup(refusal.Code); entry.Code == refusal.Code {
		shown.exit = entry.Exit
		return shown
	}
	switch refusal.Status {
	case http.StatusForbidden:
		shown.exit = pks.ExitDenied
	case http.StatusNotFound:
		shown.exit = pks.ExitNotFound
	case http.StatusConflict:
		shown.exit = pks.ExitConflict
	}
	return shown
}

func isNotFound(err error) bool {
	refusal, ok := errors.AsType[*apiclient.Error](err)
	return ok && refusal.IsNotFound()
}
