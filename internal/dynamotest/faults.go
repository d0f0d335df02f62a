package dynamotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// The DynamoDB operations that can fail.
const (
	GetItem            = "GetItem"
	BatchGetItem       = "BatchGetItem"
	Query              = "Query"
	UpdateItem         = "UpdateItem"
	PutItem            = "PutItem"
	DeleteItem         = "DeleteItem"
	TransactWriteItems = "TransactWriteItems"
)

// A Fault is a way in which one attempt of a call fails.
type Fault string

// The faults. The call was applied only if the fault's text says so.
const (
	NoFault           Fault = ""
	Throttled         Fault = "throughput exceeded"
	AccountThrottle   Fault = "request rate throttled"
	ReasonThrottled   Fault = "transaction cancelled for throttling"
	Conflict          Fault = "transaction conflict"
	MixedConflict     Fault = "transaction conflict beside a failed condition"
	InProgress        Fault = "transaction in progress"
	ConnectionRefused Fault = "connection refused"
	LostBefore        Fault = "connection lost before the call arrived"
	LostAfter         Fault = "answer lost after the call was applied"
	TimeoutBefore     Fault = "time-out before the call arrived"
	TimeoutAfter      Fault = "time-out after the call was applied"
	ResetAfter        Fault = "connection reset after the call was applied"
	CutAnswer         Fault = "answer cut in the middle"
	ErrorBefore       Fault = "500 and not applied"
	ErrorAfter        Fault = "500 though applied"
	Unprocessed       Fault = "all keys left unprocessed"
	HalfProcessed     Fault = "one key left unprocessed"
	Late              Fault = "answer late" // not an error; see Faults.Delay
)

// FaultsOf returns the faults that an operation can have.
func FaultsOf(op string) []Fault {
	faults := []Fault{
		Throttled, AccountThrottle, ConnectionRefused, LostBefore, LostAfter,
		TimeoutBefore, TimeoutAfter, ResetAfter, CutAnswer, ErrorBefore, ErrorAfter,
	}
	switch op {
	case BatchGetItem:
		faults = append(faults, Unprocessed, HalfProcessed)
	case UpdateItem, PutItem, DeleteItem:
		faults = append(faults, Conflict)
	case TransactWriteItems:
		faults = append(faults, ReasonThrottled, Conflict, MixedConflict, InProgress)
	}
	return faults
}

// Applied reports whether a call with this fault was applied.
func (f Fault) Applied() bool {
	switch f { //nolint:exhaustive // the others were not
	case NoFault, LostAfter, TimeoutAfter, ResetAfter, CutAnswer, ErrorAfter:
		return true
	default:
		return false
	}
}

// Unknown reports whether the caller can't know if a call with this fault was
// applied.
func (f Fault) Unknown() bool {
	switch f { //nolint:exhaustive // the caller knows it of the others
	case LostBefore, TimeoutBefore, ErrorBefore:
		return true
	default:
		return f != NoFault && f.Applied()
	}
}

// Faults makes attempts fail below the SDK, so that the SDK's decoding and retries
// are tested too.
type Faults struct {
	// Choose returns the fault of the nth attempt of an operation, counted
	// from 1. It is called by one goroutine at a time.
	Choose func(op string, nth int) Fault
	// Delay is how long a Late answer takes after the call was applied.
	Delay time.Duration

	mu       sync.Mutex
	attempts map[string]int
}

// Configure is a client option; several clients may share the faults.
func (f *Faults) Configure(o *dynamodb.Options) { o.HTTPClient = &faultyClient{f, o.HTTPClient} }

// Attempts returns how many attempts of an operation were made.
func (f *Faults) Attempts(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts[op]
}

func (f *Faults) choose(op string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.attempts == nil {
		f.attempts = map[string]int{}
	}
	f.attempts[op]++
	return f.Choose(op, f.attempts[op])
}

// A faultyClient is between one client's SDK and the engine.
type faultyClient struct {
	faults *Faults
	next   dynamodb.HTTPClient
}

// Do sends a request or fails as chosen.
func (c *faultyClient) Do(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	fault := c.faults.choose(op)
	switch {
	case fault == NoFault:
		return c.next.Do(r)
	case fault == Late:
		return c.late(r)
	case fault.Applied():
		resp, err := c.next.Do(r)
		if err != nil {
			return nil, err
		}
		if fault == CutAnswer {
			return cut(resp)
		}
		_ = resp.Body.Close() // the caller gets an error instead
	case fault == HalfProcessed:
		resp, err := c.next.Do(r)
		if err != nil {
			return nil, err
		}
		return leaveOne(resp)
	case fault == Conflict && op != TransactWriteItems:
		return refuse(http.StatusBadRequest, "TransactionConflictException", nil), nil
	}
	return fail(r, fault)
}

// late sends a request and keeps its answer back.
func (c *faultyClient) late(r *http.Request) (*http.Response, error) {
	resp, err := c.next.Do(r)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(c.faults.Delay):
		return resp, nil
	case <-r.Context().Done():
		_ = resp.Body.Close()
		return nil, r.Context().Err()
	}
}

// fail returns the response or the error of a fault.
func fail(r *http.Request, fault Fault) (*http.Response, error) {
	switch fault { //nolint:exhaustive // the others are lost connections
	case Throttled:
		return refuse(http.StatusBadRequest, "ProvisionedThroughputExceededException", nil), nil
	case AccountThrottle:
		return refuse(http.StatusBadRequest, "ThrottlingException", nil), nil
	case InProgress:
		return refuse(http.StatusBadRequest, "TransactionInProgressException", nil), nil
	case ErrorBefore, ErrorAfter:
		return refuse(http.StatusInternalServerError, "InternalServerError", nil), nil
	case ReasonThrottled:
		return cancelled(r, "None", "ThrottlingError")
	case Conflict:
		return cancelled(r, "None", "TransactionConflict")
	case MixedConflict:
		return cancelled(r, "ConditionalCheckFailed", "TransactionConflict")
	case Unprocessed:
		var in struct{ RequestItems json.RawMessage }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return nil, err
		}
		return response(http.StatusOK, map[string]any{"Responses": struct{}{}, "UnprocessedKeys": in.RequestItems}), nil
	case ConnectionRefused:
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}
	case ResetAfter:
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}}
	case TimeoutBefore, TimeoutAfter:
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: os.ErrDeadlineExceeded}
	default:
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: io.ErrUnexpectedEOF}
	}
}

// cancelled returns a cancelled transaction: first is the reason of its first
// item, other that of the others.
func cancelled(r *http.Request, first, other string) (*http.Response, error) {
	var in struct{ TransactItems []json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	reasons := make([]map[string]string, len(in.TransactItems))
	for i := range reasons {
		reasons[i] = map[string]string{"Code": other}
	}
	reasons[0]["Code"] = first
	return refuse(http.StatusBadRequest, "TransactionCanceledException", reasons), nil
}

func refuse(status int, code string, reasons []map[string]string) *http.Response {
	body := map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": "injected"}
	if reasons != nil {
		body["CancellationReasons"] = reasons
	}
	return response(status, body)
}

// leaveOne moves the last item of a BatchGetItem's response to the unprocessed
// keys.
func leaveOne(resp *http.Response) (*http.Response, error) {
	defer resp.Body.Close() //nolint:errcheck // it was only read
	var out struct {
		Responses        map[string][]map[string]json.RawMessage
		ConsumedCapacity json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return nil, fmt.Errorf("read the engine's response: %w", err)
	}
	left := map[string]any{}
	for table, items := range out.Responses {
		if len(items) == 0 {
			continue
		}
		last := items[len(items)-1]
		out.Responses[table] = items[:len(items)-1]
		left[table] = map[string]any{"ConsistentRead": true, "Keys": []any{map[string]any{"pk": last["pk"], "sk": last["sk"]}}}
	}
	return response(http.StatusOK, map[string]any{
		"Responses": out.Responses, "UnprocessedKeys": left, "ConsumedCapacity": out.ConsumedCapacity,
	}), nil
}

// cut ends an answer after half of its body.
func cut(resp *http.Response) (*http.Response, error) {
	whole, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), iotest.ErrReader(io.ErrUnexpectedEOF)))
	return resp, nil
}

func response(status int, body any) *http.Response {
	text, _ := json.Marshal(body) // plain maps and raw JSON
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       io.NopCloser(bytes.NewReader(text)),
	}
}
