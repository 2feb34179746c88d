package pks

import "unicode/utf8"

// Shorten keeps a text that a client chose from filling a message: at most 120
// bytes of it are left, whole characters, and a sign that there was more.
func Shorten(text string) string {
	const most = 120
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
