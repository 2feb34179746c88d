package console

import (
	"bytes"
	"encoding/json"
)

// JSON writes an answer of the API as it came. On a terminal it is indented for
// the eye; the values are the same.
func (c *Console) JSON(raw json.RawMessage) error {
	var out bytes.Buffer
	if isTerminal(c.out) {
		if err := json.Indent(&out, raw, "", "  "); err != nil {
			return err
		}
	} else {
		out.Write(raw)
	}
	if !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
		out.WriteByte('\n')
	}
	c.result(out.String())
	return nil
}
