package uaa

import (
	"fmt"
	"testing"
)

func TestCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	c := newCache[int](100)
	favourite := digestOf("favourite")
	c.put(favourite, 7)
	for i := range 10000 {
		c.put(digestOf(fmt.Sprint(i)), i)
		if got, ok := c.get(favourite); !ok || got != 7 {
			t.Fatalf("after %d others the favourite is %d, %t", i, got, ok)
		}
	}
	if n := c.len(); n > 100 {
		t.Fatalf("cache holds %d, want at most 100", n)
	}
	if _, ok := c.get(digestOf("0")); ok {
		t.Fatal("what nobody asks for was kept")
	}
	c.remove(favourite)
	if _, ok := c.get(favourite); ok {
		t.Fatal("what was removed is still there")
	}
}
