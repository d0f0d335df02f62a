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

// A Throttle refuses writes to an item beyond a rate, as DynamoDB does: no
// partition takes more than 1,000 write units a second, which is as many writes
// of an item up to 1 KiB. The local engine takes as many as it can.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
type Throttle struct {
	PerSecond int
	Now       func() time.Time

	mu     sync.Mutex
	second int64
	taken  map[string]int // by item, in that second
	writes int
}

// Tweak plugs the throttle into a client; several may share it.
func (th *Throttle) Configure(o *dynamodb.Options) { o.HTTPClient = &throttled{th, o.HTTPClient} }

// Writes counts the updates that were let through.
func (th *Throttle) Writes() int {
	th.mu.Lock()
	defer th.mu.Unlock()
	return th.writes
}

// take reports whether a write to an item may go on.
func (th *Throttle) take(item string) bool {
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

// Do sends a request, or refuses it.
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
	if !t.throttle.take(fmt.Sprint(in.Key)) { // a map is printed in the order of its keys
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
