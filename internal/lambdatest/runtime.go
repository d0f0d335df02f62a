package lambdatest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	functionTimeout = 2 * time.Minute
	version         = "/2018-06-01/runtime"
	functionARN     = "arn:aws:lambda:us-east-1:123456789012:function:lambdatest"
)

// A runtimeAPI serves the Runtime API to the process of a function.
type runtimeAPI struct {
	mux     *http.ServeMux
	queue   chan *invocation
	process chan *os.Process // has the function's once it is started

	mu      sync.Mutex
	waiting map[string]*invocation // by id
	sent    int                    // how many events; numbers their ids
}

// An invocation is an event that waits for its answer.
type invocation struct {
	id       string
	event    []byte
	deadline time.Time
	streamed bool        // the answer is expected as a stream
	result   chan result // holds one, so that a late answer never blocks
}

type result struct {
	answer []byte
	stream *Stream
	err    error
}

func newRuntimeAPI() *runtimeAPI {
	a := &runtimeAPI{mux: http.NewServeMux(), queue: make(chan *invocation, 1), process: make(chan *os.Process, 1), waiting: map[string]*invocation{}}
	a.mux.HandleFunc("GET "+version+"/invocation/next", a.next)
	a.mux.HandleFunc("POST "+version+"/invocation/{id}/response", a.respond)
	a.mux.HandleFunc("POST "+version+"/invocation/{id}/error", a.finish(failed))
	a.mux.HandleFunc("POST "+version+"/init/error", a.finish(failed))
	return a
}

func failed(body []byte) result { return result{err: &InvocationError{string(body)}} }

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// send queues an event for the process to fetch.
func (a *runtimeAPI) send(event []byte, deadline time.Time, streamed bool) *invocation {
	a.mu.Lock()
	a.sent++
	sent := &invocation{fmt.Sprintf("00000000-0000-4000-8000-%012d", a.sent), event, deadline, streamed, make(chan result, 1)}
	a.waiting[sent.id] = sent
	a.mu.Unlock()
	select {
	case <-a.queue: // an abandoned event that was not fetched
	default:
	}
	a.queue <- sent
	return sent
}

// forget abandons an event. If an answer still comes, it is accepted and dropped.
func (a *runtimeAPI) forget(sent *invocation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, sent.id)
}

// next hands out the next event. Like Lambda, it freezes the process until there
// is one: what the process does in the background stops.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	process := <-a.process
	defer func() { a.process <- process }()
	_ = process.Signal(syscall.SIGSTOP)   // fails if the process has exited, as Invoke then reports
	defer process.Signal(syscall.SIGCONT) //nolint:errcheck // see above
	select {
	case sent := <-a.queue:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", sent.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(sent.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", functionARN)
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-6553f100-000000000000000000000000;Sampled=0")
		_, _ = w.Write(sent.event) // if the process has exited, Invoke reports that
	case <-r.Context().Done():
	}
}

// respond delivers the answer to the invocation whose id is in the path.
func (a *runtimeAPI) respond(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	sent := a.waiting[r.PathValue("id")]
	a.mu.Unlock()
	if sent == nil || !sent.streamed {
		a.finish(func(body []byte) result { return result{answer: body} })(w, r)
		return
	}
	a.forget(sent)
	sent.stream(w, r)
	w.WriteHeader(http.StatusAccepted)
}

// finish delivers the result of the invocation whose id is in the path. A path
// without an id reports that the process failed before it fetched an event; then
// finish delivers that to the invocation that waits.
func (a *runtimeAPI) finish(read func(body []byte) result) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the process has exited
		}
		id := r.PathValue("id")
		a.mu.Lock()
		for _, sent := range a.waiting {
			if id == "" || id == sent.id {
				sent.result <- read(body)
				delete(a.waiting, sent.id)
			}
		}
		a.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	}
}
