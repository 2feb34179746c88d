package adapter_test

import (
	"testing"

	"github.com/pks-community/pks-release/src/adapter"
)

// BenchmarkGenerate is one master and three workers as a library call;
// TestGenerateIsQuick holds it to 10 ms.
func BenchmarkGenerate(b *testing.B) {
	in := smallest().params(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := adapter.Generate(in); err != nil {
			b.Fatal(err)
		}
	}
}
