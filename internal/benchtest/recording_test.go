package benchtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// A recording is the calls of DynamoDB that a server made for requests of an operation.
type recording struct {
	requests [][]stage
	before   *before
	client   *http.Client
}

// errUsedUp means that each request that writes was replayed since the last restore.
var errUsedUp = errors.New("each recorded request was replayed")

// record makes a server send requests of an operation through a recorder, for a few
// seconds at most. The operation has run before, so that caches are warm.
func (b *bench) record(t testing.TB, w *world, o operation) *recording {
	t.Helper()
	r := newRecorder(t, w.kit)
	s := b.serve(t, r.URL, nil, "serve")
	defer s.stop()
	c := &caller{newClient(t), s.url, w}
	recorded := &recording{client: c.client}
	var counter atomic.Int64
	do := func(most int, lasts time.Duration) {
		for begun, i := time.Now(), 0; i < most && (i == 0 || time.Since(begun) < lasts); i++ {
			if err := o.do(c, counter.Add(1)); err != nil && !errors.Is(err, errBusy) {
				t.Fatal(err)
			}
			if stages := r.take(); len(stages) > 0 {
				recorded.requests = append(recorded.requests, stages)
			}
		}
	}
	do(b.warmUps, time.Second)
	recorded.requests, r.before = nil, newBefore(w.kit)
	do(b.samples, 4*time.Second)
	recorded.before = r.before
	if len(recorded.requests) == 0 {
		t.Fatalf("%s: no call of DynamoDB was recorded", o.name)
	}
	return recorded
}

// replay makes the calls of the request with a number, from 1 on. Requests that only
// read begin again after the last; of others each can be made once after a restore.
func (r *recording) replay(ctx context.Context, engine string, n int64) error {
	count := int64(len(r.requests))
	if n > count && len(r.before.items) > 0 {
		return errUsedUp
	}
	accepted, err := replay(ctx, r.client, engine, r.requests[(n-1)%count])
	if err == nil && !accepted {
		err = fmt.Errorf("the engine refused calls of the recorded request %d", n)
	}
	return err
}

// A recorded delete deletes each time that it is replayed after a restore, and counts.
func TestRecordedDeletes(t *testing.T) {
	b, kit := newBench(t), dynamotest.New(t)
	w := newWorld(t, kit, "recorded", 1, int64(b.warmUps+b.samples), 0)
	isDelete := func(o operation) bool { return o.name == "delete" }
	calls := b.record(t, w, operations()[slices.IndexFunc(operations(), isDelete)])
	for range 2 {
		calls.before.restore(t)
		if got, want := len(kit.Audit(t, w.deleter.Access.UserID).IDs), b.samples; got != want {
			t.Errorf("got %d tokens after a restore, want %d", got, want)
		}
		for n := range calls.requests {
			if err := calls.replay(t.Context(), kit.Endpoint, int64(n)+1); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := len(kit.Audit(t, w.deleter.Access.UserID).IDs), b.samples-len(calls.requests); got != want {
			t.Errorf("got %d tokens after %d recorded deletes, want %d", got, len(calls.requests), want)
		}
	}
	if err := calls.replay(t.Context(), kit.Endpoint, int64(b.samples)+1); !errors.Is(err, errUsedUp) {
		t.Errorf("got %v after the last delete, want errUsedUp", err)
	}
}

// before has the items that calls change, as they were before the first of these calls.
type before struct {
	client *dynamodb.Client

	mu    sync.Mutex
	items map[itemKey]map[string]types.AttributeValue // nil: there was none
}

type itemKey struct{ partition, sort string }

func newBefore(kit *dynamotest.Kit) *before {
	return &before{client: dynamotest.Client(kit.Endpoint), items: map[itemKey]map[string]types.AttributeValue{}}
}

func (k itemKey) attributes() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: k.partition}, "sk": &types.AttributeValueMemberN{Value: k.sort}}
}

// keep reads the items that a call will change, except those that it has.
func (b *before) keep(ctx context.Context, c call) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range c.changes() {
		if _, has := b.items[key]; has {
			continue
		}
		found, err := b.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(dynamotest.Table), Key: key.attributes(), ConsistentRead: aws.Bool(true)})
		if err != nil {
			return err
		}
		b.items[key] = found.Item
	}
	return nil
}

// restore makes the items again what they were.
func (b *before) restore(t testing.TB) {
	t.Helper()
	var writes []types.WriteRequest
	for key, it := range b.items {
		if it == nil {
			writes = append(writes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key.attributes()}})
		} else {
			writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
	}
	for batch := range slices.Chunk(writes, 25) {
		out, err := b.client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{dynamotest.Table: batch}})
		if err != nil || len(out.UnprocessedItems) > 0 {
			t.Fatalf("restore %d items: %v", len(writes), err)
		}
	}
}

// changes returns the keys of the items that a call changes.
func (c call) changes() (keys []itemKey) {
	type write struct {
		Key, Item struct {
			PK struct{ S string }
			SK struct{ N string }
		}
	}
	var in struct {
		write

		TransactItems []map[string]write // by kind, such as Put
	}
	_, operation, _ := strings.Cut(c.header.Get("X-Amz-Target"), ".")
	if !slices.Contains([]string{"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}, operation) || json.Unmarshal(c.body, &in) != nil {
		return nil
	}
	all := []write{in.write}
	for _, part := range in.TransactItems {
		for _, w := range part {
			all = append(all, w)
		}
	}
	for _, w := range all {
		for _, key := range []itemKey{{w.Key.PK.S, w.Key.SK.N}, {w.Item.PK.S, w.Item.SK.N}} {
			if key.partition != "" {
				keys = append(keys, key)
			}
		}
	}
	return keys
}
