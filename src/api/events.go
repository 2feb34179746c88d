package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	defaultEvents = 200
	mostEvents    = 1000
	longestWait   = 60 // seconds
	eventInterval = time.Second
)

// listEvents answers GET /v1/clusters/{name}/events: what happened after event
// number after, oldest first. With wait, an empty answer is held back for so
// many seconds, or until there is news.
func (s *Server) listEvents(ctx context.Context, x *exchange) (answer, error) {
	query := x.request.URL.Query()
	after, err := number(query, "after", 0, 0, 1<<53)
	if err != nil {
		return answer{}, err
	}
	if text := query.Get("watch"); text != "" {
		watch, err := strconv.ParseBool(text)
		if err != nil {
			return answer{}, pks.Failf(pks.CodeInvalidRequest, "watch is %q; it must be true or false.", pks.Shorten(text))
		}
		if watch {
			return s.watchEvents(x, after)
		}
	}
	limit, err := number(query, "limit", defaultEvents, 1, mostEvents)
	if err != nil {
		return answer{}, err
	}
	wait, err := number(query, "wait", 0, 0, longestWait)
	if err != nil {
		return answer{}, err
	}
	events, err := s.awaitEvents(ctx, x.on.ID, after, int(limit), time.Duration(wait)*time.Second)
	if err != nil {
		return answer{}, err
	}
	documents := make([]v1.Event, 0, len(events))
	for _, e := range events {
		documents = append(documents, eventDocument(e))
	}
	return answer{http.StatusOK, documents}, nil
}

// awaitEvents looks for events until there are some or the time is up. Waiting
// ends early when the server drains.
func (s *Server) awaitEvents(ctx context.Context, clusterID string, after int64, limit int, wait time.Duration) ([]pks.Event, error) {
	timeUp := time.NewTimer(wait)
	defer timeUp.Stop()
	look := time.NewTicker(eventInterval)
	defer look.Stop()
	for {
		events, err := s.config.Clusters.Events(ctx, clusterID, after, limit)
		if err != nil || len(events) > 0 || wait == 0 {
			return events, err
		}
		select {
		case <-look.C:
		case <-timeUp.C:
			return nil, nil
		case <-s.draining:
			return nil, nil
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// number reads a query parameter that counts something.
func number(query url.Values, name string, otherwise, least, most int64) (int64, error) {
	text := query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, pks.Failf(pks.CodeInvalidRequest, "%s is %q; it must be a whole number from %d to %d.", name, pks.Shorten(text), least, most)
	}
	return n, nil
}
