package kubeapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/watch"
)

// maxHistory is how many changes can still be watched afterwards. Who asks for
// older ones has to list again, as with a real server after a compaction.
const maxHistory = 1000

// change is one that has been stored. was is nil for a new object, is for one that
// is gone.
type change struct {
	revision int64
	resource string
	was, is  object
}

// history is the latest changes, oldest first.
type history struct {
	changes []change
	floor   int64         // changes up to this revision are not known any more
	grown   chan struct{} // closed with the next change
}

func newHistory(floor int64) history { return history{floor: floor, grown: make(chan struct{})} }

func (h *history) add(changes []change) {
	h.changes = append(h.changes, changes...)
	if extra := len(h.changes) - maxHistory; extra > 0 {
		h.floor = h.changes[extra-1].revision
		h.changes = append([]change(nil), h.changes[extra:]...)
	}
	close(h.grown)
	h.grown = make(chan struct{})
}

// since returns the changes after a revision, and what is closed when there are
// more; ok is false when some are not known any more.
func (c *cluster) since(revision int64) (changes []change, grown <-chan struct{}, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if revision < c.history.floor {
		return nil, nil, false
	}
	for _, ch := range c.history.changes {
		if ch.revision > revision {
			changes = append(changes, ch)
		}
	}
	return changes, c.history.grown, true
}

// serveWatch tells of the changes of a kind until the client has had enough.
func (c *cluster) serveWatch(w http.ResponseWriter, r request) {
	q := r.URL.Query()
	wanted, err := r.selector()
	if err == nil && q.Has("sendInitialEvents") {
		err = apierrors.NewInvalid(metav1.Unversioned.WithKind("ListOptions").GroupKind(), "", field.ErrorList{
			field.Forbidden(field.NewPath("sendInitialEvents"), "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"),
		})
	}
	var from int64
	if text := q.Get("resourceVersion"); err == nil && text != "" {
		if from, err = strconv.ParseInt(text, 10, 64); err != nil {
			err = apierrors.NewBadRequest("resourceVersion: Invalid value: " + strconv.Quote(text))
		}
	}
	if err != nil {
		respondError(w, err)
		return
	}
	ctx := r.Context()
	if seconds, err := strconv.Atoi(q.Get("timeoutSeconds")); err == nil && seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
		defer cancel()
	}
	w.Header().Set("Content-Type", runtime.ContentTypeJSON+";stream=watch")
	w.Header().Set("Cache-Control", "no-cache, private")
	w.WriteHeader(http.StatusOK)
	out := stream{r, json.NewEncoder(w), http.NewResponseController(w)}
	if from == 0 {
		from = c.sendAll(out, wanted)
	}
	c.follow(ctx, out, wanted, from)
}

// sendAll begins a watch that names no revision: with what there is.
func (c *cluster) sendAll(out stream, wanted selector) (revision int64) {
	objects, text := c.list(out.kind.resource, out.namespace)
	for _, o := range objects {
		if wanted.matches(o) {
			out.send(watch.Added, o)
		}
	}
	revision, _ = strconv.ParseInt(text, 10, 64)
	return revision
}

func (c *cluster) follow(ctx context.Context, out stream, wanted selector, revision int64) {
	for {
		_ = out.flush.Flush()
		changes, grown, ok := c.since(revision)
		if !ok {
			out.fail(apierrors.NewResourceExpired("too old resource version: " + strconv.FormatInt(revision, 10)))
			return
		}
		for _, ch := range changes {
			revision = ch.revision
			if ch.resource == out.kind.resource {
				out.tell(ch, wanted)
			}
		}
		if len(changes) > 0 {
			continue
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return
		}
	}
}

// stream is the answer to a watch.
type stream struct {
	request
	json  *json.Encoder
	flush *http.ResponseController
}

// tell sends a change as those see it who only look at the wanted objects.
func (s stream) tell(ch change, wanted selector) {
	was, is := ch.was != nil && wanted.matches(ch.was), ch.is != nil && wanted.matches(ch.is)
	switch {
	case was && is:
		s.send(watch.Modified, ch.is)
	case is:
		s.send(watch.Added, ch.is)
	case was:
		gone := ch.was.DeepCopyObject().(object)
		gone.SetResourceVersion(strconv.FormatInt(ch.revision, 10))
		s.send(watch.Deleted, gone)
	}
}

// frame is one line of a watch.
type frame struct {
	Type   watch.EventType `json:"type"`
	Object any             `json:"object"`
}

func (s stream) send(t watch.EventType, o object) {
	var shown any = s.kind.typed(o)
	if table, ok := asTable(s.request, shown); ok {
		shown = table
	}
	_ = s.json.Encode(frame{t, shown}) // a client that has gone ends the request
}

func (s stream) fail(err *apierrors.StatusError) {
	status := err.Status()
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	_ = s.json.Encode(frame{watch.Error, status})
	_ = s.flush.Flush()
}
