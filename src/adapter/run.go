package adapter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// maxInput bounds what is read from stdin, in bytes. A manifest of a hundred
// node pools has less than a tenth of it.
const maxInput = 16 << 20

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

// input is the document on stdin, bounded and checked; with positional arguments
// there is none.
func (s *session) input(stdin io.Reader) (io.Reader, error) {
	if len(s.args) > 2 {
		return s.positional()
	}
	raw, err := io.ReadAll(io.LimitReader(stdin, maxInput+1))
	if err != nil {
		return nil, refuse("stdin cannot be read.").WithRemedy("Start the adapter with the JSON document of the contract on stdin.").WithCause(err)
	}
	if len(raw) > maxInput {
		return nil, refuse("stdin holds more than %d MiB.", maxInput>>20).WithRemedy("Look at the previous manifest and the plan: one of them is too big.")
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, refuse("stdin is empty.").WithRemedy("Set broker.use_stdin to true in the broker's configuration.")
	}
	return bytes.NewReader(raw), s.checkDocument(raw)
}

// checkDocument finds fault with the parts of the document by their names, which
// the SDK's own errors do not tell the asker.
func (s *session) checkDocument(raw []byte) error {
	var document serviceadapter.InputParams
	if err := json.Unmarshal(raw, &document); err != nil {
		return refuse("stdin is not the JSON document of the service adapter contract.").
			WithRemedy("Use a broker that speaks on-demand-services-sdk 0.48: %s.", oneLine(err.Error())).WithCause(err)
	}
	switch s.args[1] {
	case cmdGenerate:
		g := document.GenerateManifest
		return firstError(
			checkManifestText("generate_manifest.previous_manifest", g.PreviousManifest, true),
			checkJSON("generate_manifest.service_deployment", g.ServiceDeployment),
			checkJSON("generate_manifest.plan", g.Plan),
			checkJSON("generate_manifest.request_parameters", g.RequestParameters),
			checkRequest("generate_manifest.request_parameters", g.RequestParameters),
			checkJSON("generate_manifest.previous_plan", or(g.PreviousPlan, "null")),
		)
	case cmdCreateBinding:
		b := document.CreateBinding
		return firstError(checkManifestText("create_binding.manifest", b.Manifest, false),
			checkJSON("create_binding.bosh_vms", b.BoshVms), checkRequest("create_binding.request_parameters", b.RequestParameters))
	case cmdDeleteBinding:
		b := document.DeleteBinding
		return firstError(checkManifestText("delete_binding.manifest", b.Manifest, false),
			checkJSON("delete_binding.bosh_vms", b.BoshVms), checkRequest("delete_binding.request_parameters", b.RequestParameters))
	case cmdDashboard:
		return firstError(checkManifestText("dashboard_url.manifest", document.DashboardUrl.Manifest, false),
			checkJSON("dashboard_url.plan", document.DashboardUrl.Plan))
	default:
		return checkJSON("generate_plan_schemas.plan", document.GeneratePlanSchemas.Plan)
	}
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

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func oneLine(text string) string {
	return strings.TrimRight(strings.Join(strings.Fields(text), " "), ".")
}

// positional is the older way of calling, without secrets; the SDK reads the
// arguments itself.
func (s *session) positional() (io.Reader, error) { return strings.NewReader(""), nil }
