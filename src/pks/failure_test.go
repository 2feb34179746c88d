package pks

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[Code]bool{}
	for _, e := range Catalogue() {
		if seen[e.Code] {
			t.Errorf("%s is listed twice", e.Code)
		}
		seen[e.Code] = true
		if e.Status < 400 || e.Status > 599 {
			t.Errorf("%s: HTTP status %d is no error", e.Code, e.Status)
		}
		if e.Exit < ExitFailed || e.Exit > ExitQuota {
			t.Errorf("%s: exit code %d is not one of the documented ones", e.Code, e.Exit)
		}
		if !strings.HasSuffix(e.Remedy, ".") {
			t.Errorf("%s: the remedy %q is not a sentence", e.Code, e.Remedy)
		}
	}
	source, err := os.ReadFile("failure.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^\tCode\w+\s+(?:Code\s+)?= "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(declared) == 0 {
		t.Fatal("no code was found in failure.go")
	}
	for _, d := range declared {
		if !seen[Code(d[1])] {
			t.Errorf("%s is declared but not in the catalogue", d[1])
		}
	}
}

func TestUnknownErrorsGiveNothingAway(t *testing.T) {
	t.Parallel()
	f := AsFailure(fmt.Errorf("dial 10.0.0.5: %w", io.ErrUnexpectedEOF))
	if f.Code != CodeInternal || strings.Contains(f.Message(), "10.0.0.5") {
		t.Errorf("got %s: %q", f.Code, f.Message())
	}
	if !errors.Is(f, io.ErrUnexpectedEOF) || !strings.Contains(f.Error(), "10.0.0.5") {
		t.Errorf("the cause is lost for operators: %v", f)
	}
}

func TestFailureIsFoundInsideOtherErrors(t *testing.T) {
	t.Parallel()
	want := Failf(CodeNameTaken, "There is a cluster named %s already.", "demo")
	if got := AsFailure(fmt.Errorf("store: %w", want)); got != want {
		t.Errorf("got %v", got)
	}
}
