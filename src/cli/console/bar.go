package console

import (
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bar is one bar with the percentage and the time that is left, and below it the
// subjects with what is done to each.
type bar struct {
	container *mpb.Progress
	bar       *mpb.Bar

	mu    sync.Mutex // the container draws from a goroutine of its own
	rows  rows
	end   time.Time
	ended bool
}

const (
	whole    = 100
	barWidth = 40
)

func newBar(out io.Writer, title string, height int) *bar {
	b := &bar{rows: rows{most: max(1, min(mostRows, height-spared))}}
	b.container = mpb.New(mpb.WithOutput(out), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
	b.bar = b.container.AddBar(whole,
		mpb.PrependDecorators(decor.Name(title+" "), decor.Percentage(decor.WCSyncSpace)),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_MMSS), decor.Any(b.left)),
		mpb.BarExtender(mpb.BarFillerFunc(b.below), false),
	)
	return b
}

// left says how long it will probably take yet.
func (b *bar) left(decor.Statistics) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := time.Until(b.end)
	switch {
	case b.ended || b.end.IsZero() || left <= 0:
		return ""
	case left < time.Minute:
		return ", less than a minute left"
	}
	return ", about " + strconv.Itoa(int(math.Ceil(left.Minutes()))) + " min left"
}

func (b *bar) below(out io.Writer, s decor.Statistics) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rows.write(out, s.AvailableWidth, time.Now())
}

func (b *bar) Show(s Step) {
	if s.Percent > 0 && s.Percent < whole {
		b.bar.SetCurrent(int64(s.Percent))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !s.End.IsZero() {
		b.end = s.End
	}
	if s.Subject != "" {
		b.rows.take(s, time.Now())
	}
}

// Note is written above the bar.
func (b *bar) Note(text string) { _, _ = b.container.Write([]byte(Clean(text) + "\n")) }

func (b *bar) Close(full bool) {
	b.mu.Lock()
	b.ended = true
	b.rows.stop(time.Now())
	b.mu.Unlock()
	if full {
		b.bar.SetCurrent(whole)
	} else {
		b.bar.Abort(false)
	}
	b.container.Wait()
}
