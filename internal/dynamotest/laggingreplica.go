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

// A LaggingReplica answers a GetItem that does not ask for a strongly consistent
// read with the item of the read before, as a replica in AWS may. The local engine
// has no replicas.
type LaggingReplica struct {
	mu   sync.Mutex
	seen map[string][]byte // the last response for each key
}

// Configure is a client option.
func (rep *LaggingReplica) Configure(o *dynamodb.Options) { o.HTTPClient = &lagging{rep, o.HTTPClient} }

// swap stores a response and returns the one before.
func (rep *LaggingReplica) swap(key string, resp []byte) []byte {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	if rep.seen == nil {
		rep.seen = map[string][]byte{}
	}
	old, ok := rep.seen[key]
	rep.seen[key] = resp
	if !ok {
		return resp
	}
	return old
}

type lagging struct {
	replica *LaggingReplica
	next    dynamodb.HTTPClient
}

// Do sends a request and returns an older response if the request allows it.
func (l *lagging) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+GetItem) {
		return l.next.Do(r)
	}
	body, err := peek(r)
	if err != nil {
		return nil, err
	}
	resp, err := l.next.Do(r)
	var in struct {
		Key            map[string]map[string]string
		ConsistentRead bool
	}
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(body, &in) != nil || in.ConsistentRead {
		return resp, err
	}
	current, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	older := l.replica.swap(fmt.Sprint(in.Key), current) // Sprint sorts the keys of a map
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(older)), int64(len(older))
	resp.Header.Del("X-Amz-Crc32") // the checksum of the newer response
	return resp, nil
}
