package broker

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/director"
)

// createEvents are of one master and two workers, in the order of
// reference/director-api.md §20.1.
const createEvents = `{"time":1,"stage":"Preparing deployment","tags":[],"total":1,"task":"Preparing deployment","index":1,"state":"started","progress":0}
{"time":1,"stage":"Preparing deployment","tags":[],"total":1,"task":"Preparing deployment","index":1,"state":"finished","progress":100}
{"time":2,"stage":"Creating missing vms","tags":[],"total":3,"task":"master/m (0)","index":1,"state":"started","progress":0}
{"time":2,"stage":"Creating missing vms","tags":[],"total":3,"task":"master/m (0)","index":1,"state":"finished","progress":100}
{"time":2,"stage":"Creating missing vms","tags":[],"total":3,"task":"worker/a (0)","index":2,"state":"finished","progress":100}
{"time":2,"stage":"Creating missing vms","tags":[],"total":3,"task":"worker/b (1)","index":3,"state":"finished","progress":100}
{"time":3,"stage":"Updating instance","tags":["master"],"total":1,"task":"master/m (0) (canary)","index":1,"state":"in_progress","progress":30,"data":{"status":"stopping jobs"}}
{"time":3,"stage":"Updating instance","tags":["master"],"total":1,"task":"master/m (0) (canary)","index":1,"state":"finished","progress":100}
{"time":4,"stage":"Updating instance","tags":["worker"],"total":2,"task":"worker/a (0) (canary)","index":1,"state":"finished","progress":100}
{"time":5,"stage":"Updating instance","tags":["worker"],"total":2,"task":"worker/b (1)","index":2,"state":"finished","progress":100}
`

func (h *harness) progress(id, op string, offset int64) progress {
	h.t.Helper()
	got := h.send("GET", "/mgmt/service_instances/"+id+"/progress?operation="+url.QueryEscape(op)+"&offset="+strconv.FormatInt(offset, 10), "")
	var p progress
	if err := json.Unmarshal([]byte(got.Body), &p); err != nil || got.Status != 200 {
		h.t.Fatalf("%d %s", got.Status, got.Body)
	}
	return p
}

func (h *harness) emit(id int, events string) {
	h.director.mu.Lock()
	defer h.director.mu.Unlock()
	h.director.tasks[id-1].events += events
}

func TestProgressFollowsTheTasksOfAnOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", withErrands, `{}`))
	h.tick()
	first := h.progress("i1", op, 0)
	if diff := cmp.Diff(progress{TaskID: 1, State: "processing", Events: []progressEvent{}}, first); diff != "" {
		t.Error(diff)
	}
	lines := strings.SplitAfter(createEvents, "\n")
	h.emit(1, strings.Join(lines[:7], "")+lines[7][:20]) // the last one half written
	second := h.progress("i1", op, first.Offset)
	if second.Offset != int64(len(strings.Join(lines[:7], ""))) || len(second.Events) != 7 {
		t.Errorf("offset %d, %d events", second.Offset, len(second.Events))
	}
	want := progressEvent{Time: 3, Stage: "Updating instance", Tags: []string{"master"}, Task: "master/m (0) (canary)", Index: 1, Total: 1, State: "in_progress", Progress: 30, Message: "stopping jobs"}
	if diff := cmp.Diff(want, second.Events[6]); diff != "" {
		t.Error(diff)
	}
	h.emit(1, lines[7][20:]+strings.Join(lines[8:], ""))
	h.director.finish(1, director.Done)
	h.tick()
	h.emit(2, `{"time":9,"stage":"Running errand","tags":[],"total":1,"task":"apply-addons/x (0)","index":1,"state":"started","progress":0}`+"\n")
	third := h.progress("i1", op, second.Offset)
	if len(third.Events) != 4 || third.TaskID != 2 || third.Percent < 90 || third.Percent > 99 {
		t.Errorf("%+v", third)
	}
	h.director.finish(2, director.Errored)
	h.emit(2, `{"time":10,"error":{"code":10001,"message":"Task 2 cancelled"}}`) // never ended
	h.tick()
	last := h.progress("i1", op, third.Offset)
	if diff := cmp.Diff([]progressEvent{{Time: 10, Tags: []string{}, State: "failed", Error: "Task 2 cancelled"}}, last.Events); diff != "" {
		t.Error(diff)
	}
	// A broker that starts now tells the same from the beginning.
	restarted := newHarnessOn(t, h.director)
	again := restarted.progress("i1", op, 0)
	if again.Offset != last.Offset || again.Percent != last.Percent || len(again.Events) != 12 {
		t.Errorf("after a restart: offset %d percent %d, %d events; before: %d, %d", again.Offset, again.Percent, len(again.Events), last.Offset, last.Percent)
	}
}

func TestProgressIsWholeAtTheEnd(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", testPlan, `{}`))
	h.emit(1, createEvents)
	h.director.finish(1, director.Done)
	h.tick()
	got := h.progress("i1", op, int64(len(createEvents)))
	if diff := cmp.Diff(progress{TaskID: 1, State: "done", Percent: 100, Offset: int64(len(createEvents)), Events: []progressEvent{}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestProgressOfGarbageIsRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.want(h.send("GET", "/mgmt/service_instances/i1/progress?operation=x", ""), 400, `{"description":"operation: operation data cannot be parsed"}`)
	op := url.QueryEscape(`{"BoshTaskID":1,"OperationType":"create"}`)
	h.want(h.send("GET", "/mgmt/service_instances/i1/progress?operation="+op+"&offset=-1", ""), 400, `{"description":"offset: not a number of bytes"}`)
}

func metered(d operationData, groups []group, events string) []int {
	m := newMeter(d, groups)
	parsed, _ := director.ParseEvents([]byte(events))
	var percents []int
	for _, e := range parsed {
		m.add(0, e)
		percents = append(percents, m.percent())
	}
	return percents
}

func TestMeterOfACreation(t *testing.T) {
	t.Parallel()
	got := metered(operationData{OperationType: opCreate}, nil, createEvents)
	if diff := cmp.Diff([]int{1, 5, 5, 15, 25, 35, 41, 56, 78, 99}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMeterOfAnUpdateCountsGroupsThatAreLeftAlone(t *testing.T) {
	t.Parallel()
	groups := []group{{"master", 1}, {"worker", 4}}
	events := `{"stage":"Preparing deployment","total":1,"task":"Preparing deployment","state":"finished","progress":100}
{"stage":"Updating instance","tags":["worker"],"total":4,"task":"worker/a (0)","index":1,"state":"started","progress":0}
{"stage":"Updating instance","tags":["worker"],"total":4,"task":"worker/a (0)","index":1,"state":"finished","progress":100}
`
	if diff := cmp.Diff([]int{5, 24, 43}, metered(operationData{OperationType: opUpdate}, groups, events)); diff != "" {
		t.Error(diff)
	}
}

func TestMeterNeverGoesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]operationType{opCreate, opUpdate, opDelete}).Draw(t, "kind")
		m := newMeter(operationData{OperationType: kind, BoshContextID: "c", Errands: make([]errand, rapid.IntRange(0, 6).Draw(t, "errands"))}, []group{{"master", 3}, {"worker", 5}})
		last := 0
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			m.add(rapid.IntRange(0, 4).Draw(t, "task"), director.Event{
				Stage:    rapid.SampledFrom([]string{"Preparing deployment", "Creating missing vms", "Updating instance", "Deleting instances", "Running errand", "Deleting properties", ""}).Draw(t, "stage"),
				Tags:     rapid.SampledFrom([][]string{nil, {"master"}, {"worker"}, {"other"}}).Draw(t, "tags"),
				Total:    rapid.IntRange(0, 6).Draw(t, "total"),
				Task:     rapid.StringMatching(`[a-e]`).Draw(t, "step"),
				State:    rapid.SampledFrom([]string{"started", "in_progress", "finished", "failed"}).Draw(t, "state"),
				Progress: rapid.IntRange(-5, 200).Draw(t, "progress"),
			})
			if p := m.percent(); p < last || p > 99 {
				t.Fatalf("from %d to %d", last, p)
			}
			last = m.percent()
		}
	})
}
