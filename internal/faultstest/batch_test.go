package faultstest_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A batch is what a function does with records of the table's stream. Lambda sends the
// records that are not done again, and sometimes all of them.
type batch struct {
	name    string
	prepare func(*user, *testing.T) []dynamo.StreamRecord
	run     func(context.Context, *dynamo.Store, []dynamo.StreamRecord) (done int, err error)
	state   func(*user) string
}

func batches() []batch {
	return []batch{
		{
			"fold of the stream", (*user).spend,
			func(ctx context.Context, s *dynamo.Store, records []dynamo.StreamRecord) (int, error) {
				f, err := s.Fold(ctx, records, time.Now().Unix())
				return f.Done, err
			},
			(*user).history,
		},
		{
			"purge of expired tokens", (*user).expire,
			func(ctx context.Context, s *dynamo.Store, records []dynamo.StreamRecord) (int, error) {
				done, _, err := s.CountPurges(ctx, records, time.Now().Unix())
				return done, err
			},
			(*user).state,
		},
	}
}

// spend charges two keys and returns the records of it and of all changes before.
func (u *user) spend(t *testing.T) []dynamo.StreamRecord {
	t.Helper()
	for _, id := range []int{1, 2} {
		u.must(t, u.key(id, wire.VerifyPath, `{"quota":7,"model":"m1"}`))
	}
	records, err := u.world.reader.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// expire removes two tokens as DynamoDB does when their time to live is over.
func (u *user) expire(t *testing.T) (records []dynamo.StreamRecord) {
	t.Helper()
	for _, id := range []string{"1", "4"} {
		key := dynamo.Item{
			dynamo.PartitionKey: &types.AttributeValueMemberS{Value: fmt.Sprintf("T#%d#0", u.id)},
			dynamo.SortKey:      &types.AttributeValueMemberN{Value: id},
		}
		out, err := u.world.Client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
			TableName: aws.String(dynamotest.Table), Key: key, ReturnValues: types.ReturnValueAllOld,
		})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, dynamo.StreamRecord{
			Event: "REMOVE", Actor: "Service", Principal: "dynamodb.amazonaws.com", Stream: "label",
			Partition: fmt.Sprintf("T#%d#0", u.id), Number: id, Before: out.Attributes,
			Sequence: strconv.Itoa(len(records) + 1), Time: time.Now(),
		})
	}
	return records
}

// runBatches runs a batch with each failing, sends what is not done again, and then all
// of it once more. The state is that of one run without faults.
func (w *world) runBatches(t *testing.T, b batch, m *matrix) {
	t.Helper()
	u := w.user(t, "reference", true)
	var places []place
	run := func(u *user, client *dynamodb.Client, in *injection) string {
		records := b.prepare(u, t)
		store := dynamo.New(client, dynamotest.Table)
		pending := records
		for attempt := 1; len(pending) > 0; attempt++ {
			done, err := b.run(t.Context(), store, pending)
			if in != nil && !in.lift() {
				t.Errorf("%s: the fault was not injected", in.failing)
			}
			if attempt > maxRepeats {
				t.Fatalf("not done after %d attempts: %v", attempt, err)
			}
			pending = pending[done:]
			if err == nil {
				break
			}
		}
		if _, err := b.run(t.Context(), w.Store, records); err != nil { // delivered twice
			t.Error(err)
		}
		return b.state(u)
	}
	want := run(u, dynamotest.ProductClient(recording(&places).Listen(t, w.Endpoint)), nil)
	ids := []int64{u.id}
	for i, f := range chosen(failingsOf(places)) {
		u, in := w.user(t, fmt.Sprintf("user-%d", i), true), &injection{failing: f}
		got := run(u, in.client(t, w.Endpoint), in)
		if got != want {
			t.Errorf("%s: the state differs: %s", f, diff(got, want))
		}
		m.add(b.name, f, got == want)
		ids = append(ids, u.id)
	}
	w.AuditAll(t, ids)
	if a := u.do(u.as(http.MethodGet, wire.TokensPath, "")); a.status != http.StatusOK {
		t.Errorf("list: %d", a.status)
	}
}
