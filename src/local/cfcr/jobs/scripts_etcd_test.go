package jobs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// etcdctl keeps the members in a file.
const etcdctl = `echo "etcdctl $*" >>"$STAGE/calls"
last() { for word in "$@"; do :; done; echo "$word"; }
case "$*" in
  *"member list"*) cat "$STAGE/members" ;;
  *"member add"*) url=$(last "$@"); echo "ffff, unstarted, , ${url#--peer-urls=}, , true" >>"$STAGE/members" ;;
  *"member remove"*) id=$(last "$@"); sed -i "/^$id,/d" "$STAGE/members" ;;
  *"member promote"*) id=$(last "$@"); sed -i "/^$id,/s/true$/false/" "$STAGE/members" ;;
esac`

func TestEtcdStart(t *testing.T) {
	t.Parallel()
	const others = "aaaa, started, one, https://one:2380, https://one:2379, false\nbbbb, started, two, https://two:2380, https://two:2379, false\n"
	for name, c := range map[string]struct {
		bootstrap, data, alone, answers bool
		members                         string
		want                            []string // flags that are added
		members2                        string   // in the end, by ID
		fails                           bool
	}{
		"alone, the first time":                  {bootstrap: true, alone: true, want: []string{"--initial-cluster-state=new", "--initial-cluster=me=https://me:2380"}},
		"the first of several":                   {bootstrap: true, want: []string{"--initial-cluster-state=new", "--initial-cluster=me=https://me:2380"}},
		"with data":                              {data: true, answers: true, members: others + "cccc, started, me, https://me:2380, , false\n", members2: "aaaa bbbb cccc"},
		"with data and nobody there":             {data: true, bootstrap: true},
		"nobody to join":                         {fails: true},
		"joins":                                  {answers: true, members: others, want: []string{"--initial-cluster-state=existing", "--initial-cluster=one=https://one:2380,two=https://two:2380,me=https://me:2380"}, members2: "aaaa bbbb ffff"},
		"goes on with joining":                   {answers: true, members: others + "cccc, unstarted, , https://me:2380, , true\n", want: []string{"--initial-cluster-state=existing", "--initial-cluster=one=https://one:2380,two=https://two:2380,me=https://me:2380"}, members2: "aaaa bbbb cccc"},
		"lost its disk":                          {answers: true, members: others + "cccc, started, me, https://me:2380, https://me:2379, false\n", want: []string{"--initial-cluster-state=existing", "--initial-cluster=one=https://one:2380,two=https://two:2380,me=https://me:2380"}, members2: "aaaa bbbb ffff"},
		"lost its disk as bootstrap":             {bootstrap: true, answers: true, members: others + "cccc, started, me, https://me:2380, https://me:2379, false\n", want: []string{"--initial-cluster-state=existing", "--initial-cluster=one=https://one:2380,two=https://two:2380,me=https://me:2380"}, members2: "aaaa bbbb ffff"},
		"takes the place of one at its address":  {answers: true, members: others + "cccc, started, older, https://me:2380, https://me:2379, false\n", want: []string{"--initial-cluster-state=existing", "--initial-cluster=one=https://one:2380,two=https://two:2380,me=https://me:2380"}, members2: "aaaa bbbb ffff"},
		"others that listen but do not answer":   {bootstrap: true, answers: true, members: "", fails: true},
		"another that has not started meanwhile": {answers: true, members: others + "dddd, unstarted, , https://new:2380, , true\n", want: []string{"--initial-cluster-state=existing", "--initial-cluster=one=https://one:2380,two=https://two:2380,dddd=https://new:2380,me=https://me:2380"}, members2: "aaaa bbbb dddd ffff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, map[string]string{"MEMBER_NAME": "me", "PEER_URL": "https://me:2380", "BOOTSTRAP": fmt.Sprint(c.bootstrap), "OTHERS": "https://one:2379,https://two:2379"})
			s.env["STAGE"], s.env["DATA_DIR"] = s.dir, filepath.Join(s.dir, "data")
			if c.alone {
				s.env["OTHERS"] = ""
			}
			if c.data {
				s.file("data/member/x", "", 0o600)
			}
			s.file("members", c.members, 0o600)
			s.program("etcdctl", etcdctl)
			if c.answers && c.members == "" {
				s.program("etcdctl", "echo too slow >&2; exit 1")
			}
			s.program("timeout", map[bool]string{true: "exit 0", false: "exit 1"}[c.answers])
			s.program("etcd", `echo "$@" >"$STAGE/flags"`)
			ok, out := s.run("etcd.sh", "etcd", "--name=me")
			if ok == c.fails {
				t.Fatalf("well: %t\n%s", ok, out)
			}
			if c.fails {
				return
			}
			flags, err := os.ReadFile(filepath.Join(s.dir, "flags"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]string{"--name=me"}, c.want...), strings.Fields(string(flags))); diff != "" {
				t.Errorf("flags (-want +got):\n%s%s", diff, out)
			}
			if !c.answers {
				return
			}
			members, err := os.ReadFile(filepath.Join(s.dir, "members"))
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for line := range strings.Lines(string(members)) {
				id, _, _ := strings.Cut(line, ",")
				ids = append(ids, id)
			}
			if got := strings.Join(ids, " "); got != c.members2 {
				t.Errorf("members %q, want %q\n%s", got, c.members2, out)
			}
		})
	}
}

func TestEtcdDrain(t *testing.T) {
	t.Parallel()
	const members = "aaaa, started, one, https://one:2380, https://one:2379, false\ncccc, started, me, https://me:2380, https://me:2379, false\n"
	for name, c := range map[string]struct {
		env              map[string]string
		failing, message string
		removed, fails   bool
	}{
		"comes back":              {},
		"goes":                    {env: map[string]string{"BOSH_INSTANCE_DELETED": "1"}, removed: true},
		"goes with all":           {env: map[string]string{"BOSH_INSTANCE_DELETED": "1", "BOSH_DEPLOYMENT_NEXT_STATE": "delete"}},
		"goes alone":              {env: map[string]string{"BOSH_INSTANCE_DELETED": "1", "OTHERS": ""}},
		"goes, and is not let go": {env: map[string]string{"BOSH_INSTANCE_DELETED": "1"}, failing: "*remove*", message: "unhealthy cluster", fails: true},
		"goes, and nobody is there": {
			env: map[string]string{"BOSH_INSTANCE_DELETED": "1"}, failing: "*", message: "deadline exceeded", fails: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, map[string]string{"MEMBER_NAME": "me", "OTHERS": "https://one:2379"})
			for name, value := range c.env {
				s.env[name] = value
			}
			s.env["STAGE"] = s.dir
			s.file("members", members, 0o600)
			s.program("etcdctl", fmt.Sprintf("case \"$*\" in %s) echo %q >&2; exit 1 ;; esac\n", or(c.failing, "never"), c.message)+etcdctl)
			ok, out := s.run("etcd-drain.sh")
			if ok == c.fails || c.fails && !strings.Contains(out, c.message) {
				t.Errorf("well: %t\n%s", ok, out)
			}
			left, err := os.ReadFile(filepath.Join(s.dir, "members"))
			if err != nil {
				t.Fatal(err)
			}
			if removed := !strings.Contains(string(left), "cccc"); removed != c.removed {
				t.Errorf("removed: %t", removed)
			}
		})
	}
}
