package stack

import (
	"os"
	"strings"
	"testing"
)

func TestStacksSideBySideHaveTheirOwnSubnets(t *testing.T) {
	t.Parallel()
	a, b := layoutOf(t), layoutOf(t)
	first, claimA, err := claimSubnet(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	second, claimB, err := claimSubnet(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer claimB.Close()
	if first.Overlaps(second) {
		t.Errorf("%s and %s overlap", first, second)
	}
	if err := os.WriteFile(b.Subnet(), []byte(first.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := claimSubnet(t.Context(), b); err == nil || !strings.Contains(err.Error(), "another stack") {
		t.Errorf("a subnet in use: %v", err)
	}
	if err := claimA.Close(); err != nil {
		t.Fatal(err)
	}
	again, claimA, err := claimSubnet(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer claimA.Close()
	if again != first {
		t.Errorf("the subnet moved from %s to %s", first, again)
	}
	if err := os.WriteFile(a.Subnet(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := claimSubnet(t.Context(), a); err == nil || !strings.Contains(err.Error(), "pks-local reset") {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestOnlyTheDefaultStackTakesTheUsualSubnet(t *testing.T) {
	t.Setenv("PKS_LOCAL_HOME", "/default/folder")
	if got := candidates(Layout{Dir: "/default/folder"})[0]; got != usualByte {
		t.Errorf("got %d", got)
	}
	firsts := map[int]bool{}
	for range 50 {
		all := candidates(Layout{Dir: "/another/folder"})
		firsts[all[0]] = true
		if len(all) != lastByte-firstByte+1 {
			t.Fatalf("%d candidates", len(all))
		}
	}
	if len(firsts) < 10 {
		t.Errorf("50 stacks begin with %d subnets", len(firsts))
	}
}
