package director

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/netip"

	"github.com/pks-community/pks-release/src/local/director/state"
)

func compress(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return b.Bytes(), nil
}

func decompress(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return text, nil
}

// recordsOf are the DNS names of a deployment's instances and groups.
func recordsOf(instances []*state.Instance) map[string][]netip.Addr {
	records := map[string][]netip.Addr{}
	for _, i := range instances {
		addRecords(records, i)
	}
	return records
}
