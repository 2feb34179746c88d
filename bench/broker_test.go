package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"
)

// The reference broker's figures on two processors, and how many times as much is
// asked of this one.
const (
	referenceCatalog       = 17_000.0 // a second
	referenceProvision     = 4.2      // a second with a Director that takes 20 ms, whatever the concurrency
	referenceLastOperation = 480.0    // a second

	timesProvision     = 10
	timesWhole         = 5 // with the start of the real adapter, twice for each provision
	timesLastOperation = 10
	mostIdleMB         = 40.0
	mostDirectorCalls  = 6 // of one operation before any poll
	// flat is how much of the rate with no deployment must be left with thousands.
	flat = 0.8

	manyDeployments = 5000
	slowDirector    = 20 * time.Millisecond
	// Each figure is the best of so many rounds, each so long.
	rounds = 3
	window = 2 * time.Second
)

func skipUnlessBench(t *testing.T) {
	t.Helper()
	if os.Getenv("PKS_BENCH") != "1" {
		t.Skip("set PKS_BENCH=1 to measure")
	}
}

const clusterParameters = `{"cluster_name":"demo","kubernetes_master_host":"demo.example.com","kubernetes_worker_instances":3}`

func catalogLoad() *load {
	text := osb("GET", "/v2/catalog", "")
	return &load{request: func(int64) string { return text }, status: http.StatusOK}
}

// provisionLoad makes a new instance with each request.
func provisionLoad(name string) *load {
	body := `{"service_id":"service-1","plan_id":"plan-1","organization_guid":"pks","space_guid":"pks","context":{"platform":"pks"},"parameters":` + clusterParameters + `}`
	return &load{request: func(n int64) string {
		return osb("PUT", fmt.Sprintf("/v2/service_instances/%s-%d?accepts_incomplete=true", name, n), body)
	}, status: http.StatusAccepted}
}

// bindLoad binds to the instances that the Director had from the beginning.
func bindLoad(name string) *load {
	return &load{request: func(n int64) string {
		return osb("PUT", fmt.Sprintf("/v2/service_instances/old-%d/service_bindings/%s-%d", n%100, name, n), `{"service_id":"service-1","plan_id":"plan-1"}`)
	}, status: http.StatusCreated}
}

// pollLoad polls operations that run.
func pollLoad(operations []string) *load {
	var requests []string
	for i, op := range operations {
		requests = append(requests, osb("GET", fmt.Sprintf("/v2/service_instances/polled-%d/last_operation?operation=%s", i, url.QueryEscape(op)), ""))
	}
	return &load{request: func(n int64) string { return requests[n%int64(len(requests))] }, status: http.StatusOK}
}

// begin makes so many instances and gives their operations.
func begin(t *testing.T, b runningBroker, count int) []string {
	t.Helper()
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers, l := bufio.NewReader(conn), provisionLoad("polled")
	var operations []string
	for n := range count {
		if _, err := io.WriteString(conn, l.request(int64(n))); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		var made struct{ Operation string }
		if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.Operation == "" {
			t.Fatalf("provision: %s: %v", resp.Status, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		operations = append(operations, made.Operation)
	}
	return operations
}

func wantRate(t *testing.T, what string, got, least float64) {
	t.Helper()
	if got < least {
		t.Errorf("%s: %.1f a second, less than %.1f", what, got, least)
	}
}

func TestThresholdBrokerCatalog(t *testing.T) {
	skipUnlessBench(t)
	b := startBroker(t, newStandIn(t, 0, 0).URL, "")
	measure(t, b.address, catalogLoad(), 20, time.Second) // warm
	one, many := best(t, b.address, catalogLoad(), 1), best(t, b.address, catalogLoad(), 20)
	t.Logf("catalog                concurrency  1: %v", one)
	t.Logf("catalog                concurrency 20: %v", many)
	wantRate(t, "catalog", many.Rate, referenceCatalog)
}

func TestThresholdBrokerLastOperation(t *testing.T) {
	skipUnlessBench(t)
	for _, latency := range []time.Duration{0, slowDirector} {
		for _, deployments := range []int{0, manyDeployments} {
			s := newStandIn(t, latency, deployments)
			s.lasting = time.Hour
			b := startBroker(t, s.URL, "")
			l := pollLoad(begin(t, b, 20))
			measure(t, b.address, l, 20, time.Second) // warm
			before := s.requests.Load()
			one, many := best(t, b.address, l, 1), best(t, b.address, l, 20)
			t.Logf("last_operation  %5v  %4d deployments  concurrency  1: %v", latency, deployments, one)
			t.Logf("last_operation  %5v  %4d deployments  concurrency 20: %v   Director requests per poll %.4f", latency, deployments, many,
				float64(s.requests.Load()-before)/float64(one.Requests+many.Requests))
			wantRate(t, "last_operation", many.Rate, timesLastOperation*referenceLastOperation)
		}
	}
}

func TestThresholdBrokerProvision(t *testing.T) {
	skipUnlessBench(t)
	rates := map[int]float64{}
	for _, latency := range []time.Duration{0, slowDirector} {
		for _, deployments := range []int{0, manyDeployments} {
			s := newStandIn(t, latency, deployments)
			b := startBroker(t, s.URL, "")
			for _, connections := range []int{1, 20} {
				before := s.requests.Load()
				f := best(t, b.address, provisionLoad(fmt.Sprintf("c%d", connections)), connections)
				calls := float64(s.requests.Load()-before) / float64(f.Requests)
				t.Logf("provision       %5v  %4d deployments  concurrency %2d: %v   Director requests each %.2f", latency, deployments, connections, f, calls)
				if calls > mostDirectorCalls {
					t.Errorf("%.2f Director requests for one provision", calls)
				}
				if latency == slowDirector && connections == 20 {
					rates[deployments] = f.Rate
					wantRate(t, "provision", f.Rate, timesProvision*referenceProvision)
				}
				settle()
			}
			t.Logf("memory after that: %.1f MB", residentMB(t, b.pid))
		}
	}
	if rates[manyDeployments] < flat*rates[0] {
		t.Errorf("provision: %.1f a second with %d deployments, %.1f with none", rates[manyDeployments], manyDeployments, rates[0])
	}
}

// TestThresholdBrokerWholeProvision has the real service adapter, whose start costs
// more than all that the broker does.
func TestThresholdBrokerWholeProvision(t *testing.T) {
	skipUnlessBench(t)
	b := startBroker(t, newStandIn(t, slowDirector, 0).URL, program(t, "pks-service-adapter"))
	one, many := best(t, b.address, provisionLoad("c1"), 1), best(t, b.address, provisionLoad("c20"), 20)
	t.Logf("with pks-service-adapter  concurrency  1: %v", one)
	t.Logf("with pks-service-adapter  concurrency 20: %v", many)
	wantRate(t, "provision with pks-service-adapter", many.Rate, timesWhole*referenceProvision)
}

func TestThresholdBrokerBind(t *testing.T) {
	skipUnlessBench(t)
	for _, latency := range []time.Duration{0, slowDirector} {
		for _, deployments := range []int{100, manyDeployments} {
			s := newStandIn(t, latency, deployments)
			b := startBroker(t, s.URL, "")
			for _, connections := range []int{1, 20} {
				before := s.requests.Load()
				f := best(t, b.address, bindLoad(fmt.Sprintf("c%d", connections)), connections)
				t.Logf("bind            %5v  %4d deployments  concurrency %2d: %v   Director requests each %.2f",
					latency, deployments, connections, f, float64(s.requests.Load()-before)/float64(f.Requests))
			}
		}
	}
}

func TestThresholdBrokerIdleMemory(t *testing.T) {
	skipUnlessBench(t)
	b := startBroker(t, newStandIn(t, 0, manyDeployments).URL, "")
	measure(t, b.address, catalogLoad(), 1, time.Second)
	got := residentMB(t, b.pid)
	t.Logf("idle memory: %.1f MB", got)
	if got > mostIdleMB {
		t.Errorf("idle memory: %.1f MB, more than %.0f", got, mostIdleMB)
	}
}
