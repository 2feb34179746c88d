package console

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbauerster/mpb/v8/decor"
)

func TestTimeLeftIsInWords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bar{}
		for _, c := range []struct {
			end  time.Duration
			want string
		}{
			{0, ""}, // nobody knows yet
			{150 * time.Second, ", about 3 min left"},
			{59 * time.Second, ", less than a minute left"},
			{-time.Second, ""}, // late
		} {
			if c.end != 0 {
				b.end = time.Now().Add(c.end)
			}
			if got := b.left(decor.Statistics{}); got != c.want {
				t.Errorf("%v: %q, want %q", c.end, got, c.want)
			}
		}
		b.end, b.ended = time.Now().Add(time.Hour), true
		if got := b.left(decor.Statistics{}); got != "" {
			t.Errorf("ended: %q", got)
		}
	})
}
