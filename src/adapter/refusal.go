package adapter

import (
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// refuse is an error for the person who asked: what is wrong, in which field.
// WithRemedy adds what to do.
func refuse(format string, args ...any) *pks.Failure {
	return pks.Failf(pks.CodeInvalidRequest, format, args...)
}

func list(words []string) string { return strings.Join(words, ", ") }

func exactVersion(v string) bool {
	return v != "" && !strings.HasSuffix(v, "latest")
}
