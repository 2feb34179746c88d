package erb

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed render.rb
var script string

// ErrNoRuby says that there is nothing to render with.
var ErrNoRuby = errors.New("templates of BOSH jobs need Ruby: install the program ruby, 3.1 or newer")

// Input is what a deployment tells the templates of a job.
type Input struct {
	// Properties as in a manifest, nested. Those that the job does not declare are
	// dropped.
	Properties map[string]any
	// Links that the Director has found, by the name that the job consumes them under.
	Links map[string]Link
	// Spec is the instance: address, az, bootstrap, deployment, id, index, ip, name,
	// networks, release and so on.
	Spec map[string]any
}

// Link is what a consumer learns of a provider.
type Link struct {
	Properties map[string]any   `json:"properties"`
	Instances  []map[string]any `json:"instances"`
	// Address of the provider's group; empty for a link written by hand without one.
	Address *string `json:"address"`
}

// Fault is what is wrong with one template.
type Fault struct {
	Job      string `json:"-"`
	Template string `json:"template"`
	Line     int    `json:"line"`
	Message  string `json:"message"`
}

func (f Fault) Error() string {
	return fmt.Sprintf("job %s: error filling in template '%s' (line %d: %s)", f.Job, f.Template, f.Line, f.Message)
}

// Rendered is what became of one Input: the contents of the files by target, that
// of monit under "monit", or what is wrong with the templates.
type Rendered struct {
	Files  map[string][]byte
	Faults []Fault
}

// Render renders every template of the job in the folder, and its monit file. The
// error holds a Fault for each template that cannot be rendered.
func Render(ctx context.Context, dir string, in Input) (map[string][]byte, error) {
	all, err := RenderAll(ctx, dir, in)
	if err != nil {
		return nil, err
	}
	if err := all[0].Err(); err != nil {
		return nil, err
	}
	return all[0].Files, nil
}

// Err joins the faults.
func (r Rendered) Err() error {
	var faults []error
	for _, f := range r.Faults {
		faults = append(faults, f)
	}
	return errors.Join(faults...)
}

// RenderAll renders the job for each of the inputs, in their order, with one run of
// Ruby. The error is of that run.
func RenderAll(ctx context.Context, dir string, inputs ...Input) ([]Rendered, error) {
	job, err := ReadJob(dir)
	if err != nil {
		return nil, err
	}
	texts, err := job.read(dir)
	if err != nil {
		return nil, err
	}
	deployments := make([]any, len(inputs))
	for i, in := range inputs {
		spec := in.Spec
		if spec == nil {
			spec = map[string]any{}
		}
		deployments[i] = map[string]any{"properties": job.properties(in.Properties), "links": job.links(in.Links), "spec": spec}
	}
	question, err := json.Marshal(map[string]any{"templates": texts, "inputs": deployments})
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", job.Name, err)
	}
	answers, err := ask(ctx, question)
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", job.Name, err)
	}
	all := make([]Rendered, len(answers))
	for i, a := range answers {
		files := map[string][]byte{"monit": []byte(a.Files["monit"])}
		for source, target := range job.Templates {
			files[target] = []byte(a.Files[source])
		}
		all[i] = Rendered{Files: files, Faults: a.Faults}
		for j := range all[i].Faults {
			all[i].Faults[j].Job = job.Name
		}
	}
	return all, nil
}

// read returns the templates by name, with "monit" beside them.
func (j Job) read(dir string) (map[string]string, error) {
	texts := map[string]string{}
	for source := range j.Templates {
		text, err := os.ReadFile(filepath.Join(dir, "templates", source))
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", j.Name, err)
		}
		texts[source] = string(text)
	}
	text, err := os.ReadFile(filepath.Join(dir, "monit"))
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", j.Name, err)
	}
	texts["monit"] = string(text)
	return texts, nil
}

// answer is what Ruby says of one input.
type answer struct {
	Files  map[string]string `json:"files"` // by source
	Faults []Fault           `json:"errors"`
}

// ask has Ruby render.
func ask(ctx context.Context, question []byte) ([]answer, error) {
	ruby, err := exec.LookPath("ruby")
	if err != nil {
		return nil, ErrNoRuby
	}
	command := exec.CommandContext(ctx, ruby, "--disable=gems", "-EUTF-8:UTF-8", "-e", script)
	command.Stdin = bytes.NewReader(question)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("ruby: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	var answers []answer
	if err := json.Unmarshal(stdout.Bytes(), &answers); err != nil {
		return nil, fmt.Errorf("answer of ruby: %w", err)
	}
	return answers, nil
}
