package adapter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

const (
	cmdGenerate      = "generate-manifest"
	cmdCreateBinding = "create-binding"
	cmdDeleteBinding = "delete-binding"
	cmdDashboard     = "dashboard-url"
	cmdSchemas       = "generate-plan-schemas"
)

// Build is what the program was built from.
type Build struct{ Version, Commit string }

// Run is the program: one sub-command of the service adapter contract
// (reference/on-demand-broker.md §3). args begins with the program's name. It
// returns the exit code: 0 done, 41 binding not found, 49 binding exists, 1 for
// the rest. What the person who asked should read goes to stdout, what operators
// should read to stderr.
//
// "-version" prints what the program is.
func Run(ctx context.Context, build Build, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 2 && strings.TrimLeft(args[1], "-") == "version" {
		_, _ = fmt.Fprintf(stdout, "pks-service-adapter %s (%s)\n", build.Version, build.Commit)
		return 0
	}
	s := &session{ctx: ctx, args: args}
	err := s.handle(stdin)
	if err == nil {
		if _, err := stdout.Write(s.out.Bytes()); err != nil {
			_, _ = fmt.Fprintf(stderr, "write the answer: %v\n", err)
			return serviceadapter.ErrorExitCode
		}
		_, _ = stderr.Write(s.log.Bytes())
		return 0
	}
	_, _ = stderr.Write(s.log.Bytes())
	code, user := outcome(err)
	_, _ = io.WriteString(stdout, user)
	_, _ = fmt.Fprintf(stderr, "[pks-service-adapter] %v\n", err)
	return code
}

// session is one call.
type session struct {
	ctx      context.Context
	args     []string
	out, log bytes.Buffer
	cause    error // what a handler returned, before the SDK made a text of it
}

// handle lets the SDK frame the call. What the SDK would do badly is done
// before: it ends the process on an unknown sub-command, reads without limit, and
// tells the asker nothing about input it cannot read. And what it would lose is
// kept: it formats error texts twice, so that a "%" in them is garbled.
func (s *session) handle(stdin io.Reader) error {
	if len(s.args) < 2 {
		return refuse("A sub-command is missing.").WithRemedy("The sub-commands are %s.", list(subcommands()))
	}
	if !slices.Contains(subcommands(), s.args[1]) {
		return refuse("%q is not a sub-command.", s.args[1]).WithRemedy("The sub-commands are %s.", list(subcommands()))
	}
	input, err := s.input(stdin)
	if err != nil {
		return err
	}
	handler := serviceadapter.CommandLineHandler{
		ManifestGenerator:     s,
		Binder:                s,
		DashboardURLGenerator: s,
		SchemaGenerator:       s,
	}
	err = handler.Handle(s.args, &s.out, &s.log, input)
	if s.cause != nil {
		return s.cause
	}
	if err != nil {
		return refuse("The input of %s cannot be read.", s.args[1]).
			WithRemedy("Check the broker's plan and service deployment: %s.", oneLine(err.Error())).WithCause(err)
	}
	return nil
}

func subcommands() []string {
	return []string{cmdGenerate, cmdCreateBinding, cmdDeleteBinding, cmdDashboard, cmdSchemas}
}

// GenerateManifest and the four methods below are the SDK's interfaces.
func (s *session) GenerateManifest(in serviceadapter.GenerateManifestParams) (serviceadapter.GenerateManifestOutput, error) {
	out, err := Generate(in)
	return out, s.keep(err)
}

// CreateBinding makes credentials, see Binder.
func (s *session) CreateBinding(in serviceadapter.CreateBindingParams) (serviceadapter.Binding, error) {
	out, err := createBinding(s.ctx, in)
	return out, s.keep(err)
}

// DeleteBinding withdraws them.
func (s *session) DeleteBinding(in serviceadapter.DeleteBindingParams) error {
	return s.keep(deleteBinding(s.ctx, in))
}

// DashboardUrl is where a person finds the cluster's API.
//
//lint:ignore ST1003 the SDK names it
func (s *session) DashboardUrl(in serviceadapter.DashboardUrlParams) (serviceadapter.DashboardUrl, error) {
	out, err := dashboardURL(in.Manifest)
	return out, s.keep(err)
}

// GeneratePlanSchema describes the parameters that the plan's clusters take.
func (s *session) GeneratePlanSchema(in serviceadapter.GeneratePlanSchemaParams) (serviceadapter.PlanSchema, error) {
	out, err := planSchema(in.Plan)
	return out, s.keep(err)
}

// keep remembers err, whose text the SDK is not given: it would take it for a
// format.
func (s *session) keep(err error) error {
	s.cause = err
	if err == nil {
		return nil
	}
	return errHandled
}

var errHandled = errors.New("see below")

// positional is the older way of calling, without secrets; the SDK reads the
// arguments itself.
func (s *session) positional() (io.Reader, error) { return strings.NewReader(""), nil }
