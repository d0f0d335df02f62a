package dynamotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// A Replica answers a GetItem that does not ask for a strongly consistent read
// as one that lags behind may: with the item as it was at the read before. The
// local engine itself has no replicas.
type LaggingReplica struct {
	mu   sync.Mutex
	seen map[string][]byte // answers by what was asked
}

// Tweak plugs the replica into a client.
func (rep *LaggingReplica) Configure(o *dynamodb.Options) { o.HTTPClient = &lagging{rep, o.HTTPClient} }

// swap notes an answer and returns the one before.
func (rep *LaggingReplica) swap(asked string, answer []byte) []byte {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	if rep.seen == nil {
		rep.seen = map[string][]byte{}
	}
	old, ok := rep.seen[asked]
	rep.seen[asked] = answer
	if !ok {
		return answer
	}
	return old
}

type lagging struct {
	replica *LaggingReplica
	next    dynamodb.HTTPClient
}

// Do sends a request, and swaps the answer to one that bears it.
func (l *lagging) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+GetItem) {
		return l.next.Do(r)
	}
	body, err := peek(r)
	if err != nil {
		return nil, err
	}
	answer, err := l.next.Do(r)
	var in struct {
		Key            map[string]map[string]string
		ConsistentRead bool
	}
	if err != nil || answer.StatusCode != http.StatusOK || json.Unmarshal(body, &in) != nil || in.ConsistentRead {
		return answer, err
	}
	current, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		return nil, err
	}
	older := l.replica.swap(fmt.Sprint(in.Key), current) // a map is printed in the order of its keys
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(older)), int64(len(older))
	answer.Header.Del("X-Amz-Crc32") // of the other answer
	return answer, nil
}
