package adapter

import (
	"errors"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// refuse is an error for the person who asked: what is wrong, in which field.
// WithRemedy adds what to do.
func refuse(format string, args ...any) *pks.Failure {
	return pks.Failf(pks.CodeInvalidRequest, format, args...)
}

// advised gives a refusal a remedy if it has none.
func advised(err error) error {
	if failure, ok := errors.AsType[*pks.Failure](err); ok && failure.Remedy == "" {
		return failure.WithRemedy("Correct it, or leave it out.")
	}
	return err
}

func list(words []string) string { return strings.Join(words, ", ") }

func exactVersion(v string) bool {
	return v != "" && !strings.HasSuffix(v, "latest")
}
