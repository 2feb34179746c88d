package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	// sign of life, so that proxies do not take a quiet stream for a dead one.
	streamPause = 15 * time.Second
	// streamWrite bounds how long a client may take to read what it is sent.
	streamWrite = 30 * time.Second
)

// stream is the body of an answer that is sent piece by piece until it ends or
// send returns an error.
type stream func(send func([]byte) error) error

// writeStream sends server-sent events (WHATWG HTML §9.2).
func (s *Server) writeStream(w http.ResponseWriter, r *http.Request, status int, body stream) {
	controller := http.NewResponseController(w)
	// net/http ends the request's context when its read deadline passes. Not every
	// writer has a connection behind it.
	_ = controller.SetReadDeadline(time.Time{})
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Accel-Buffering", "no") // for proxies that would collect the answer first
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()
	err := body(func(piece []byte) error {
		_ = controller.SetWriteDeadline(time.Now().Add(streamWrite))
		if _, err := w.Write(piece); err != nil {
			return err
		}
		return controller.Flush()
	})
	if err != nil {
		s.config.Logger.Debug("stream ended", "request_id", requestID(r.Context()), "error", err)
	}
}

// watcher follows one cluster for one client.
type watcher struct {
	server    *Server
	clusterID string
	name      string
	after     int64
	operation []byte // as it was told last
}

// watchEvents answers GET /v1/clusters/{name}/events?watch=true: all events after
// the last one seen, then what is new as it comes, until the client or the server
// leaves, the token expires, or the cluster is gone. A client that comes back
// goes on where it was by Last-Event-ID.
func (s *Server) watchEvents(x *exchange, after int64) (answer, error) {
	if last := x.request.Header.Get("Last-Event-ID"); last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return answer{}, pks.Failf(pks.CodeInvalidRequest, "Last-Event-ID is %q; it must be the id of an event.", pks.Shorten(last))
		}
		after = n
	}
	watch := &watcher{server: s, clusterID: x.on.ID, name: x.on.Name, after: after}
	return answer{http.StatusOK, stream(func(send func([]byte) error) error {
		ctx := x.connection
		if !x.expires.IsZero() {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, x.expires)
			defer cancel()
		}
		return watch.run(ctx, send)
	})}, nil
}

func (w *watcher) run(ctx context.Context, send func([]byte) error) error {
	look := time.NewTicker(eventInterval)
	defer look.Stop()
	quiet := time.NewTicker(streamPause)
	defer quiet.Stop()
	for {
		news, gone, err := w.news(ctx)
		if err != nil {
			return err
		}
		if len(news) > 0 {
			if err := send(news); err != nil {
				return err
			}
		}
		if gone {
			return nil
		}
		select {
		case <-look.C:
		case <-quiet.C:
			if err := send([]byte(": still here\n\n")); err != nil {
				return err
			}
		case <-w.server.draining:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// news is what there is to tell since the last time.
func (w *watcher) news(ctx context.Context) (news []byte, gone bool, err error) {
	var b bytes.Buffer
	// The cluster first: the events of one that is gone are then all there are.
	cluster, err := w.server.config.Clusters.Cluster(ctx, w.name)
	gone = err == nil && cluster.ID != w.clusterID || err != nil && pks.AsFailure(err).Code == pks.CodeClusterNotFound
	if err != nil && !gone {
		return nil, false, err
	}
	for {
		events, err := w.server.config.Clusters.Events(ctx, w.clusterID, w.after, mostEvents)
		if err != nil {
			return nil, false, err
		}
		for _, e := range events {
			w.after = e.Seq
			if err := message(&b, strconv.FormatInt(e.Seq, 10), "event", eventDocument(e)); err != nil {
				return nil, false, err
			}
		}
		if len(events) < mostEvents {
			break
		}
	}
	if gone {
		err := message(&b, "", "gone", map[string]string{"name": w.name})
		return b.Bytes(), true, err
	}
	op, err := w.server.config.Clusters.Operation(ctx, cluster.OperationID)
	if err != nil {
		return b.Bytes(), false, nil // the events tell the most of it
	}
	document := w.server.expectedDocument(ctx, op)
	told, err := json.Marshal(document)
	if err != nil || bytes.Equal(told, w.operation) {
		return b.Bytes(), false, err
	}
	w.operation = told
	err = message(&b, "", "operation", document)
	return b.Bytes(), false, err
}

// message writes one server-sent event. JSON has no line ends of its own.
func message(b *bytes.Buffer, id, event string, data any) error {
	document, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if id != "" {
		fmt.Fprintf(b, "id: %s\n", id)
	}
	fmt.Fprintf(b, "event: %s\ndata: %s\n\n", event, document)
	return nil
}

func eventDocument(e pks.Event) v1.Event {
	return v1.Event{
		Seq:         e.Seq,
		Time:        e.Time.UTC().Format(time.RFC3339),
		OperationID: e.OperationID,
		BOSHTask:    e.BOSHTask,
		Stage:       e.Stage,
		Subject:     e.Subject,
		State:       e.State,
		Percent:     e.Percent,
		Message:     e.Message,
	}
}
