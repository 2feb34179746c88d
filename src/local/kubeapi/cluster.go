package kubeapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// cluster is what the masters of one deployment share: its objects, and who it
// is. Objects that were handed out are never changed; a change puts a copy in
// their place.
type cluster struct {
	file    string
	version string
	now     func() time.Time
	log     *slog.Logger

	mu       sync.RWMutex
	identity identity
	revision int64
	objects  map[string]map[key]object // by resource
	history  history
}

type key struct{ namespace, name string }

// stored is the file's form.
type stored struct {
	Revision int64                        `json:"revision"`
	Objects  map[string][]json.RawMessage `json:"objects"`
}

// openCluster reads the file of a deployment, or begins a new cluster.
func openCluster(file string, o Options) (*cluster, error) {
	c := &cluster{file: file, version: o.KubernetesVersion, now: o.Now, log: o.Logger, objects: map[string]map[key]object{}}
	raw, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.history = newHistory(0)
		return c, c.bootstrap()
	case err != nil:
		return nil, fmt.Errorf("read the objects of a cluster: %w", err)
	}
	var s stored
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("read the objects of a cluster from %s: %w", file, err)
	}
	c.revision = s.Revision
	c.history = newHistory(s.Revision)
	for _, k := range kinds() {
		for _, raw := range s.Objects[k.resource] {
			o := k.make()
			if err := json.Unmarshal(raw, o); err != nil {
				return nil, fmt.Errorf("read %s from %s: %w", k.resource, file, err)
			}
			c.put(k.resource, o)
		}
	}
	return c, nil
}

func (c *cluster) setIdentity(id identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identity = id
}

func (c *cluster) who() identity {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.identity
}

// find returns the object; it must not be changed.
func (c *cluster) find(resource, namespace, name string) (object, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o, ok := c.objects[resource][key{namespace, name}]
	return o, ok
}

// list returns the objects of a namespace, or of all when it is empty, by name, and
// the revision at which they were so.
func (c *cluster) list(resource, namespace string) (objects []object, revision string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []object
	for k, o := range c.objects[resource] {
		if namespace == "" || k.namespace == namespace {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return out, strconv.FormatInt(c.revision, 10)
}

// all is list for those who do not care about the revision.
func (c *cluster) all(resource, namespace string) []object {
	objects, _ := c.list(resource, namespace)
	return objects
}

// change runs f on the objects and, when it ends well, stores the result. When
// the file cannot be written, nothing has changed.
func (c *cluster) change(f func(*transaction) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &transaction{c: c, start: c.revision, revision: c.revision}
	err := f(t)
	if err == nil && t.dry {
		t.undo()
		return nil
	}
	if err == nil && len(t.undos) > 0 {
		c.revision = t.revision
		if err = c.save(); err == nil {
			c.history.add(t.changes)
		}
	}
	if err != nil {
		t.undo()
	}
	return err
}

// transaction is a change under way, with the way back.
type transaction struct {
	c        *cluster
	start    int64
	revision int64
	undos    []func()
	changes  []change
	dry      bool // the request only wanted to know
}

func (t *transaction) find(resource, namespace, name string) (object, bool) {
	o, ok := t.c.objects[resource][key{namespace, name}]
	return o, ok
}

// put stores o under a new revision.
func (t *transaction) put(resource string, o object) {
	t.revision++
	o.SetResourceVersion(strconv.FormatInt(t.revision, 10))
	k := key{o.GetNamespace(), o.GetName()}
	old, had := t.c.objects[resource][k]
	t.undos = append(t.undos, func() {
		if had {
			t.c.objects[resource][k] = old
		} else {
			delete(t.c.objects[resource], k)
		}
	})
	t.changes = append(t.changes, change{t.revision, resource, old, o})
	t.c.put(resource, o)
}

func (t *transaction) remove(resource, namespace, name string) {
	k := key{namespace, name}
	old, had := t.c.objects[resource][k]
	if !had {
		return
	}
	t.revision++
	t.undos = append(t.undos, func() { t.c.objects[resource][k] = old })
	t.changes = append(t.changes, change{t.revision, resource, old, nil})
	delete(t.c.objects[resource], k)
}

func (t *transaction) undo() {
	for _, undo := range slices.Backward(t.undos) {
		undo()
	}
	t.c.revision = t.start
}

func (c *cluster) put(resource string, o object) {
	if c.objects[resource] == nil {
		c.objects[resource] = map[key]object{}
	}
	o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	c.objects[resource][key{o.GetNamespace(), o.GetName()}] = o
}

func (c *cluster) save() error {
	s := stored{Revision: c.revision, Objects: map[string][]json.RawMessage{}}
	for resource, objects := range c.objects {
		for _, o := range objects {
			raw, err := json.Marshal(o)
			if err != nil {
				return fmt.Errorf("write the objects of a cluster: %w", err)
			}
			s.Objects[resource] = append(s.Objects[resource], raw)
		}
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the objects of a cluster: %w", err)
	}
	if err := renameio.WriteFile(c.file, raw, 0o600); err != nil {
		return fmt.Errorf("write the objects of a cluster: %w", err)
	}
	return nil
}

func newUID() types.UID { return types.UID(uuid.NewString()) }
