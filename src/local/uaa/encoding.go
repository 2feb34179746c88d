package uaa

import (
	"encoding/base64"
	"math/big"
)

func base64url(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func bigEndian(n int) []byte { return big.NewInt(int64(n)).Bytes() }
