package cli_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// fakeTask upgrades its clusters one by one; each look at it moves it on.
type fakeTask struct{ v1.TaskInfo }

const (
	taskStart = 1571054400 // Mon, 14 Oct 2019 12:00:00 UTC
	turnTime  = 1194
)

func (w *world) taskRoutes(mux *http.ServeMux) {
	mux.HandleFunc("PATCH /v1/clusters", w.upgrade)
	mux.HandleFunc("GET /v1/tasks", w.listTasks)
	mux.HandleFunc("GET /v1/tasks/{task}", w.task(func(res http.ResponseWriter, task *fakeTask) {
		writeJSON(res, 200, task.TaskInfo)
		w.stepTask(task)
	}))
	mux.HandleFunc("PUT /v1/tasks/{task}", w.task(func(res http.ResponseWriter, task *fakeTask) {
		if task.Status == v1.TaskDone {
			writeJSON(res, 409, v1.ErrorResponse{Body: "Task " + task.UUID + " has ended.", Code: "task_ended"})
			return
		}
		task.Status = v1.TaskCanceled
		for i := range task.Clusters {
			if task.Clusters[i].LastActionState == "queued" {
				task.Clusters[i].State = v1.UpgradeNotStarted
			}
		}
		writeJSON(res, 200, task.TaskInfo)
	}))
	mux.HandleFunc("POST /v1/tasks/{task}/pause", w.task(func(res http.ResponseWriter, task *fakeTask) {
		task.Paused = true
		writeJSON(res, 200, task.TaskInfo)
	}))
	mux.HandleFunc("POST /v1/tasks/{task}/resume", w.task(func(res http.ResponseWriter, task *fakeTask) {
		task.Paused = false
		writeJSON(res, 200, task.TaskInfo)
	}))
}

func (w *world) task(next func(http.ResponseWriter, *fakeTask)) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		for _, task := range w.tasks {
			if task.UUID == req.PathValue("task") {
				next(res, task)
				return
			}
		}
		writeJSON(res, 404, v1.ErrorResponse{Body: "There is no task " + req.PathValue("task") + ".", Code: "task_not_found", Remedy: "List the tasks you can see with 'pks tasks'."})
	}
}

func (w *world) listTasks(res http.ResponseWriter, req *http.Request) {
	limit, err := strconv.Atoi(req.URL.Query().Get("limit"))
	if err != nil || limit > 100 {
		writeJSON(res, 400, v1.ErrorResponse{Body: "limit is no number up to 100.", Code: "invalid_request"})
		return
	}
	tasks := []v1.TaskInfo{}
	for _, task := range slices.Backward(w.tasks) {
		if len(tasks) < limit {
			tasks = append(tasks, task.TaskInfo)
		}
	}
	writeJSON(res, 200, tasks)
}

func (w *world) upgrade(res http.ResponseWriter, req *http.Request) {
	var body v1.UpgradeClustersRequest
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		writeJSON(res, 400, v1.ErrorResponse{Body: "The body is not JSON.", Code: "malformed_body"})
		return
	}
	if body.All {
		body.Clusters = []string{"demo", "other"}
	}
	if req.URL.Query().Get("dry_run") == "true" {
		previews := []v1.Preview{}
		for _, name := range slices.Concat(body.Canaries, body.Clusters) {
			if c := w.clusters[name]; c != nil && !w.upToDate {
				preview := w.preview(c.Cluster)
				preview.Changes = []v1.Change{}
				preview.Instances[1] = v1.InstanceGroup{Name: "worker", Action: "recreate", Before: 3, After: 3}
				previews = append(previews, preview)
			}
		}
		writeJSON(res, 200, previews)
		return
	}
	task := &fakeTask{v1.TaskInfo{UUID: "d772aba0-2670-4fba-b26c-044b19d6ab6" + strconv.Itoa(len(w.tasks)), Type: v1.TaskUpgrade, Status: v1.TaskInProgress, StartTime: taskStart}}
	for i, name := range slices.Concat(body.Canaries, body.Clusters) {
		c := w.clusters[name]
		if c == nil {
			writeJSON(res, 404, v1.ErrorResponse{Body: "Cluster " + name + " not found", Code: "cluster_not_found"})
			return
		}
		turn := v1.ClusterUpgradeInfo{ClusterName: name, LastAction: "UPGRADE", LastActionState: "queued", State: "queued", IsCanary: i < len(body.Canaries)}
		if w.upToDate && !body.Force {
			turn.LastActionState, turn.State, turn.StartTime, turn.EndTime = "succeeded", v1.UpgradeUpToDate, taskStart, taskStart
		}
		task.Clusters = append(task.Clusters, turn)
	}
	w.tasks = append(w.tasks, task)
	if !w.queues {
		w.stepTask(task)
	}
	writeJSON(res, 202, task.TaskInfo)
}

// stepTask settles what has ended and gives the next cluster its turn.
func (w *world) stepTask(task *fakeTask) {
	var ended int64
	for i := range task.Clusters {
		turn := &task.Clusters[i]
		c := w.clusters[turn.ClusterName]
		switch turn.State {
		case "queued":
			if w.failTurns {
				turn.LastActionState, turn.State, turn.Reason = "failed", "failed", "The cluster has never been ready."
				return
			}
			turn.LastActionState, turn.State, turn.StartTime, turn.OperationID = "in progress", "in progress", taskStart+ended*turnTime, "op-"+turn.ClusterName
			w.begin(c, "UPGRADE", "Upgrading cluster")
			return
		case "in progress":
			w.step(c)
			if c.LastActionState == "in progress" {
				return
			}
			turn.LastActionState, turn.State = c.LastActionState, c.LastActionState
			if turn.State == "succeeded" {
				turn.EndTime = turn.StartTime + turnTime
			} else if turn.Reason = "BOSH task 12 failed."; turn.IsCanary {
				w.stopTask(task)
				return
			}
			return
		}
		ended++
	}
	if task.Status != v1.TaskCanceled {
		task.Status = v1.TaskDone
	}
	task.EndTime = taskStart + ended*turnTime
}

func (w *world) stopTask(task *fakeTask) {
	task.Status = v1.TaskDone
	for i := range task.Clusters {
		if task.Clusters[i].State == "queued" {
			task.Clusters[i].State, task.Clusters[i].Reason = v1.UpgradeNotStarted, "A canary failed."
		}
	}
}
