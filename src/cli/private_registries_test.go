package cli

import (
	"strings"
	"testing"
)

func FuzzParseRegistries(f *testing.F) {
	f.Add([]byte(`{"servers":[{"url":"https://r:5000","hosts":[{"url":"https://r:5000","capabilities":["pull","resolve"],"ca_cert":"PEM"}]}]}`))
	f.Add([]byte(`{"servers":[{"url":"http://r","hosts":[{"url":"http://r/"}]}]}`))
	f.Add([]byte(`{"servers":null} {}`))
	f.Add([]byte(`[0]`))
	f.Fuzz(func(t *testing.T, content []byte) {
		found, err := parseRegistries(content)
		if err != nil {
			if strings.Contains(err.Error(), "cli.") && !strings.Contains(string(content), "cli.") {
				t.Errorf("the error names a type of the program: %v", err)
			}
			return
		}
		if len(found.cas)+len(found.insecure) == 0 {
			t.Error("a file that names nothing is read")
		}
		for _, ca := range found.cas {
			if ca.DomainName == "" || ca.CACert == "" {
				t.Errorf("%+v", ca)
			}
		}
	})
}
