package jobs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lease answers each question with the next line of a file, the last one again and again; what it is
// replaced by is kept, upon which another leads.
const lease = `case "$*" in
  *replace*) cat >"$STAGE/released"; printf '%s\n' "9|2026-01-01T00:00:07.1Z|2|me_y" "9|2026-01-01T00:00:09.1Z|2|me_y" >"$STAGE/answers" ;;
  *) head -n 1 "$STAGE/answers"; if (($(wc -l <"$STAGE/answers") > 1)); then sed -i 1d "$STAGE/answers"; fi ;;
esac`

func TestLeaderPostStart(t *testing.T) {
	t.Parallel()
	const started = "2026-01-01T00:00:05"
	for name, c := range map[string]struct {
		answers         []string
		nameless        bool
		released, fails bool
	}{
		"another leads":              {answers: []string{"1|2026-01-01T00:00:01.2Z|0|other_x", "2|2026-01-01T00:00:03.2Z|0|other_x"}},
		"this one leads":             {answers: []string{"1|2026-01-01T00:00:06.2Z|0|me_y", "2|2026-01-01T00:00:08.2Z|0|me_y"}},
		"nobody yet":                 {answers: []string{"|||", "1|2026-01-01T00:00:06.2Z|0|me_y", "2|2026-01-01T00:00:08.2Z|0|me_y"}},
		"given up meanwhile":         {answers: []string{"1|2026-01-01T00:00:06.2Z|0|", "2|2026-01-01T00:00:08.2Z|0|me_y", "2|2026-01-01T00:00:09.2Z|0|me_y"}},
		"the one before led":         {answers: []string{"1|2026-01-01T00:00:04.2Z|1|me_x"}, released: true},
		"a dead one elsewhere":       {answers: []string{"1|2026-01-01T00:00:01.2Z|0|other_x"}, fails: true},
		"one whose name begins so":   {answers: []string{"1|2026-01-01T00:00:01.2Z|0|me2_x"}, fails: true},
		"nobody ever":                {answers: []string{"|||"}, fails: true},
		"no answer":                  {answers: []string{"Unable to connect to the server: dial tcp: connection refused"}, fails: true},
		"machines that share a name": {answers: []string{"1|2026-01-01T00:00:04.2Z|1|me_x"}, nameless: true, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, map[string]string{"LEASE": "kube-controller-manager", "HOLDER": "me"})
			s.env["STAGE"], s.env["PATIENCE"] = s.dir, "60"
			if c.nameless {
				s.env["HOLDER"] = ""
			}
			if c.fails {
				s.env["PATIENCE"] = "0"
			}
			s.env["STARTED_FILE"] = s.file("started", started+"\n", 0o644)
			s.file("answers", strings.Join(c.answers, "\n")+"\n", 0o600)
			s.program("kubectl", lease)
			ok, out := s.run("leader-post-start.sh")
			if ok == c.fails {
				t.Fatalf("well: %t\n%s", ok, out)
			}
			if c.fails && !strings.Contains(out, "nobody leads as kube-controller-manager") {
				t.Errorf("the cause is not told: %s", out)
			}
			text, err := os.ReadFile(filepath.Join(s.dir, "released"))
			if released := err == nil; released != c.released {
				t.Errorf("released: %t %s", released, text)
			}
			if c.released && !strings.Contains(string(text), fmt.Sprintf(`"resourceVersion": %q`, "1")) {
				t.Errorf("another version may be overwritten: %s", text)
			}
		})
	}
}
