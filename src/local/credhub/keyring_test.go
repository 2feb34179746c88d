package credhub

import (
	"testing"
	"testing/synctest"
)

func TestSpareKeysAreMadeOnlyWhenSomebodyWantsKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyring()
		defer k.close()
		synctest.Wait()
		if n := len(k.spare); n != 0 {
			t.Errorf("%d keys were made for nobody", n)
		}
		k.fill()
		synctest.Wait()
		if n := len(k.spare); n != spareKeys {
			t.Errorf("%d spare keys, want %d", n, spareKeys)
		}
		for range spareKeys {
			key, err := k.take(defaultKeyBits)
			if err != nil {
				t.Fatal(err)
			}
			if key.N.BitLen() != defaultKeyBits {
				t.Errorf("key of %d bits", key.N.BitLen())
			}
		}
		synctest.Wait()
		if n := len(k.spare); n != spareKeys {
			t.Errorf("%d spare keys after use, want %d", n, spareKeys)
		}
	})
}

func TestAClosedKeyringMakesNoMoreKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeyring()
		k.close()
		k.fill()
		synctest.Wait()
		if n := len(k.spare); n != 0 {
			t.Errorf("%d keys", n)
		}
	})
}
