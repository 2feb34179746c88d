package api

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"

	"github.com/pks-community/pks-release/src/pks"
)

// renderedMost bounds how many documents are remembered.
const renderedMost = 50_000

// rendered remembers the documents of clusters as they were last listed, so that a
// long list costs writing again what has changed since and not everything. The
// database says what has changed: it lists a changed cluster as another one.
type rendered struct {
	mu        sync.Mutex
	documents map[string]rendering // by id
}

type rendering struct {
	of       *pks.Cluster
	document json.RawMessage
}

// list returns the documents of the clusters in their order.
func (r *rendered) list(clusters []*pks.Cluster, render func(pks.Cluster) (json.RawMessage, error)) (list, error) {
	documents, missing := r.recall(clusters)
	var fresh []rendering
	for _, i := range missing {
		document, err := render(*clusters[i])
		if err != nil {
			return nil, err
		}
		documents[i] = document
		fresh = append(fresh, rendering{clusters[i], document})
	}
	r.remember(fresh)
	return documents, nil
}

func (r *rendered) recall(clusters []*pks.Cluster) (documents list, missing []int) {
	documents = make(list, len(clusters))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range clusters {
		if known := r.documents[c.ID]; known.of == c {
			documents[i] = known.document
		} else {
			missing = append(missing, i)
		}
	}
	return documents, missing
}

func (r *rendered) remember(fresh []rendering) {
	if len(fresh) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.documents == nil || len(r.documents)+len(fresh) > renderedMost {
		r.documents = make(map[string]rendering, len(fresh))
	}
	for _, f := range fresh {
		r.documents[f.of.ID] = f
	}
}

// list is an answer's body: a JSON array of documents that are written already.
type list []json.RawMessage

// length is how many bytes writeTo writes.
func (l list) length() int {
	n := len("[]") + max(0, len(l)-1)
	for _, document := range l {
		n += len(document)
	}
	return n
}

// pieceSize makes a long list few writes; four TLS records.
const pieceSize = 64 << 10

// writeTo writes the array. There is never a copy of all of it.
func (l list) writeTo(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, min(pieceSize, l.length()))
	_ = buffered.WriteByte('[') // its errors come back from Flush
	for i, document := range l {
		if i > 0 {
			_ = buffered.WriteByte(',')
		}
		if _, err := buffered.Write(document); err != nil {
			return err
		}
	}
	_ = buffered.WriteByte(']')
	return buffered.Flush()
}
