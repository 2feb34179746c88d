package watch

import (
	"context"
	"time"
)

// poll looks again and again, often while there is news and seldom while there is
// none, until look has seen the end. An API that is away for a while is waited
// for; note tells about it.
func poll(ctx context.Context, note func(string), look func(context.Context) (news, end bool, err error)) error {
	pause := shortestPause
	var since time.Time // of the outage; zero while there is none
	for {
		news, end, err := look(ctx)
		switch {
		case err == nil && end:
			return nil
		case err == nil:
			since = time.Time{}
		case !passing(err) || ctx.Err() != nil:
			return err
		case since.IsZero():
			since = time.Now()
			note("The API does not answer; the operation goes on, and so does the watch.")
		case time.Since(since) > outage:
			return err
		}
		if pause = min(pause*5/4, longestPause); news {
			pause = shortestPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}
