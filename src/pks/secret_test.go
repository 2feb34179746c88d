package pks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const text = "hunter2-väry-secret"
	holder := struct {
		User     string
		Password Secret
	}{"alana", text}

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("login", "password", Secret(text))
	slog.New(slog.NewTextHandler(&log, nil)).Info("login", "password", Secret(text), "holder", holder)

	printed := []string{log.String()}
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, Secret(text)), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, &holder))
	}
	for _, out := range printed {
		if strings.Contains(out, text) || strings.Contains(out, fmt.Sprintf("%x", text)) {
			t.Errorf("the secret shows in %q", out)
		}
	}
}

func TestSecretReachesItsReader(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal(Proxy{HTTP: ProxyServer{URL: "http://p", Username: "u", Password: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	var back Proxy
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	if got := back.HTTP.Password.Reveal(); got != "s" {
		t.Errorf("the password came back as %q", got)
	}
	if !Secret("s").Equal("s") || Secret("s").Equal("t") || Secret("s").Equal("ss") {
		t.Error("Equal does not tell texts apart")
	}
}
