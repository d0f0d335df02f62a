package dynamotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// A Throttle rejects updates of an item above a rate. DynamoDB does so at 1,000
// write units per second and partition, which are 1,000 writes of an item of up to
// 1 KiB. The local engine has no such limit.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
type Throttle struct {
	PerSecond int
	Now       func() time.Time

	mu     sync.Mutex
	second int64
	taken  map[string]int // updates in that second, by item
	writes int
}

// Configure is a client option; several clients may share the throttle.
func (th *Throttle) Configure(o *dynamodb.Options) { o.HTTPClient = &throttled{th, o.HTTPClient} }

// Writes returns how many updates were accepted.
func (th *Throttle) Writes() int {
	th.mu.Lock()
	defer th.mu.Unlock()
	return th.writes
}

// allow counts an update of an item and reports whether it is accepted.
func (th *Throttle) allow(item string) bool {
	th.mu.Lock()
	defer th.mu.Unlock()
	if second := th.Now().Unix(); th.taken == nil || second != th.second {
		th.second, th.taken = second, map[string]int{}
	}
	if th.taken[item] >= th.PerSecond {
		return false
	}
	th.taken[item]++
	th.writes++
	return true
}

type throttled struct {
	throttle *Throttle
	next     dynamodb.HTTPClient
}

// Do sends a request or rejects it.
func (t *throttled) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+UpdateItem) {
		return t.next.Do(r)
	}
	body, err := peek(r)
	if err != nil {
		return nil, err
	}
	var in struct{ Key map[string]map[string]string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	if !t.throttle.allow(fmt.Sprint(in.Key)) { // Sprint sorts the keys of a map
		return fail(r, Throttled)
	}
	return t.next.Do(r)
}

// peek reads a request's body and puts it back.
func peek(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}
