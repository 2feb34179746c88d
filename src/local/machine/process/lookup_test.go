package process_test

import (
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/machine/agent"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
	"github.com/pks-community/pks-release/src/local/machine/process"
)

func TestACommandRunsOnAMachineThatIsNamed(t *testing.T) {
	t.Parallel()
	o := options(t, isolation.Kwok)
	if _, err := process.Lookup(o.Dir, "worker"); err == nil || !strings.Contains(err.Error(), "there are no machines") {
		t.Errorf("without machines: %v", err)
	}
	d := start(t, o)
	one, two := worker(o, 1), worker(o, 2)
	create(t, d, one)
	create(t, d, two)
	client, err := process.Lookup(o.Dir, "worker/"+two.ID)
	if err != nil {
		t.Fatal(err)
	}
	result, err := client.Run(t.Context(), agent.Command{Args: []string{"sh", "-c", "echo out; echo err >&2; exit 3"}})
	if err != nil || result.ExitCode != 3 || result.Stdout != "out\n" || result.Stderr != "err\n" {
		t.Errorf("%+v %v", result, err)
	}
	for name, want := range map[string]string{
		"worker": "worker can be worker/" + one.ID + " or worker/" + two.ID + ": name one",
		"master": "there is no machine master: there are worker/" + one.ID + ", worker/" + two.ID,
	} {
		if _, err := process.Lookup(o.Dir, name); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
