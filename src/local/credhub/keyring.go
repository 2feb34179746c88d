package credhub

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
)

// defaultKeyBits is the length of an RSA key when the variable does not say.
const defaultKeyBits = 2048

// spareKeys is how many keys lie ready: as many as the first cluster of a deployment wants at once.
const spareKeys = 16

// keyring makes RSA keys of the usual length ahead of time, one after the other, so that a deploy
// need not wait for a dozen of them.
type keyring struct {
	spare chan *rsa.PrivateKey
	want  chan struct{}
	done  chan struct{}
	once  sync.Once
	end   sync.Once
	group sync.WaitGroup
}

// newKeyring returns an empty keyring. It begins to work when the first key is asked for (or fill is
// called), so that a store that only reads costs nothing.
func newKeyring() *keyring {
	return &keyring{
		spare: make(chan *rsa.PrivateKey, spareKeys),
		want:  make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
}

// take returns a key that nobody else has.
func (k *keyring) take(bits int) (*rsa.PrivateKey, error) {
	if bits != defaultKeyBits {
		return generateKey(bits)
	}
	defer k.fill()
	select {
	case key := <-k.spare:
		return key, nil
	default:
		return generateKey(bits)
	}
}

// fill makes spare keys in the background.
func (k *keyring) fill() {
	k.once.Do(func() { k.group.Go(k.work) })
	select {
	case k.want <- struct{}{}:
	default:
	}
}

func (k *keyring) work() {
	for {
		select {
		case <-k.done:
			return
		case <-k.want:
		}
		for len(k.spare) < cap(k.spare) {
			select {
			case <-k.done:
				return
			default:
			}
			key, err := generateKey(defaultKeyBits)
			if err != nil {
				return
			}
			k.spare <- key // never waits: only this goroutine fills it
		}
	}
}

func (k *keyring) close() {
	k.once.Do(func() {})
	k.end.Do(func() { close(k.done) })
	k.group.Wait()
}

func generateKey(bits int) (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key of %d bits: %w", bits, err)
	}
	return key, nil
}
