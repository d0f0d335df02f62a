//go:build deploy

package deploytest_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// tokenctl runs the command in the environment of the rehearsal, and returns its
// output and whether it succeeded. The test builds it once.
func (r *rehearsal) tokenctl(t *testing.T, env []string, args ...string) (output string, ok bool) {
	t.Helper()
	binary := filepath.Join(r.home, "tokenctl")
	if _, err := os.Stat(binary); err != nil {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/tokenctl") //nolint:gosec // a path of the test
		build.Dir = r.root
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build tokenctl: %v\n%s", err, text)
		}
	}
	cmd := exec.CommandContext(t.Context(), binary, args...) //nolint:gosec // a path of the test
	cmd.Env = append(r.environment(), env...)
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

// sqs returns a client of moto's SQS.
func (r *rehearsal) sqs() *sqs.Client {
	return sqs.New(sqs.Options{Region: region, BaseEndpoint: &r.endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
}

// A purgeQueue is a queue of moto, for removals of tokens in a table of the real
// engine.
type purgeQueue struct {
	*rehearsal
	kit    *dynamotest.Kit
	tenant *dynamotest.Tenant
	client *sqs.Client
	url    *string
}

func newPurgeQueue(t *testing.T, r *rehearsal, name string) *purgeQueue {
	t.Helper()
	kit := dynamotest.New(t)
	client := r.sqs()
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	return &purgeQueue{r, kit, kit.Tenant(t, "alice"), client, made.QueueUrl}
}

// sweep makes a token that uses 5 units of alice's budget and holds 7, lets it
// expire, and returns where its removal is in the stream.
func (q *purgeQueue) sweep(t *testing.T) stream.Span {
	t.Helper()
	users := &token.UserService{Store: q.kit.Store, Now: q.tenant.Clock.Now}
	if _, err := users.SetBudget(t.Context(), "alice", &token.Budget{Units: 100}, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	_, key, err := q.tenant.Create(t.Context(), q.tenant.Access, token.Settings{Name: new("a"), UnlimitedQuota: new(true), ExpiredTime: new(q.tenant.UnixNow() + 10)})
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(q.kit.Store, gate.WithClock(q.tenant.Clock.Now))
	if v, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: 5}); err != nil || !v.Valid() {
		t.Fatalf("got %+v, %v", v.Reason, err)
	}
	if _, v, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Quota: 7}, 0); err != nil || !v.Valid() {
		t.Fatalf("got %+v, %v", v.Reason, err)
	}
	if n, err := q.kit.Engine.Sweep(t.Context()); err != nil || n != 1 {
		t.Fatalf("got %d swept, %v, want 1", n, err)
	}
	return q.last(t)
}

// last returns the position of the last record of the stream.
func (q *purgeQueue) last(t *testing.T) stream.Span {
	t.Helper()
	table, err := q.kit.Client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(dynamotest.Table)})
	if err != nil {
		t.Fatal(err)
	}
	o := q.kit.Client.Options()
	streams := dynamodbstreams.New(dynamodbstreams.Options{Region: o.Region, Credentials: o.Credentials, BaseEndpoint: o.BaseEndpoint})
	described, err := streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: table.Table.LatestStreamArn})
	if err != nil {
		t.Fatal(err)
	}
	records, err := stream.New(q.kit.Client, dynamotest.Table).Next(t.Context())
	if err != nil || len(records) == 0 {
		t.Fatalf("got %d records, %v", len(records), err)
	}
	last := records[len(records)-1].Sequence
	return stream.Span{Stream: *table.Table.LatestStreamArn, Shard: *described.StreamDescription.Shards[0].ShardId, First: last, Last: last}
}

// send puts a message into the queue as Lambda does.
func (q *purgeQueue) send(t *testing.T, s stream.Span) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"requestContext":     map[string]any{"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 11},
		"version":            "1.0",
		"DDBStreamBatchInfo": s,
	})
	if err != nil {
		t.Fatal(err)
	}
	q.sendText(t, string(body))
}

func (q *purgeQueue) sendText(t *testing.T, body string) {
	t.Helper()
	if _, err := q.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q.url, MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}

// finish runs the command and checks its exit code and a part of its output.
func (q *purgeQueue) finish(t *testing.T, wantOK bool, want string) {
	t.Helper()
	env := []string{"DYNAMODB_ENDPOINT=" + q.kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}
	output, ok := q.tokenctl(t, env, "purge", "finish", "--queue", *q.url)
	if ok != wantOK || !strings.Contains(output, want) {
		t.Errorf("got %t and\n%s\nwant %t and %q", ok, output, wantOK, want)
	}
}

// counted checks how many tokens alice has and what is left of her budget.
func (q *purgeQueue) counted(t *testing.T, tokens, left, used int64) {
	t.Helper()
	users := &token.UserService{Store: q.kit.Store, Now: q.tenant.Clock.Now}
	u, h, err := users.Holdings(t.Context(), "alice")
	if err != nil || u.TokenCount() != tokens || h.Left != left || h.Used != used {
		t.Errorf("got %d tokens, %+v, %v, want %d tokens, %d left and %d used", u.TokenCount(), h, err, tokens, left, used)
	}
}

// waiting checks how many messages are in the queue.
func (q *purgeQueue) waiting(t *testing.T, want string) {
	t.Helper()
	name := types.QueueAttributeNameApproximateNumberOfMessages
	got, err := q.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: q.url, AttributeNames: []types.QueueAttributeName{name}})
	if err != nil || got.Attributes[string(name)] != want {
		t.Errorf("got %v, %v, want %s messages", got.Attributes, err, want)
	}
}

// TestPurgeFinish runs the command that finishes what the purge function gave up on.
func TestPurgeFinish(t *testing.T) {
	r := newRehearsal(t)
	t.Run("in time", func(t *testing.T) { finishInTime(t, newPurgeQueue(t, r, "in-time")) })
	t.Run("too late", func(t *testing.T) { finishTooLate(t, newPurgeQueue(t, r, "too-late")) })
	t.Run("interrupted", func(t *testing.T) { finishAgain(t, newPurgeQueue(t, r, "interrupted")) })
}

// finishInTime checks that removals whose records the stream has are counted: each
// once, with what returns to the user's budget.
func finishInTime(t *testing.T, q *purgeQueue) {
	q.finish(t, true, "The queue is empty.\n")
	span := q.sweep(t)
	q.counted(t, 1, 88, 0)
	q.send(t, span)
	q.finish(t, true, "Messages finished and deleted: 1. Removals counted: 1.\n")
	q.counted(t, 0, 95, 5)
	q.waiting(t, "0")

	// As if the command had been killed before it deleted the message.
	q.send(t, span)
	q.send(t, span)
	q.finish(t, true, "Messages finished and deleted: 2.")
	q.counted(t, 0, 95, 5)

	other := span
	other.Stream = strings.Replace(span.Stream, dynamotest.Table, "other", 1)
	q.send(t, other)
	q.sendText(t, "hello")
	q.finish(t, false, "stays in the queue: it does not come from Lambda.")
	q.finish(t, false, `stays in the queue: it is about the table "other"`)
	q.waiting(t, "2")
}

// finishTooLate checks that all users are recounted if the stream no longer has
// the records, and that the command says what does not return to a budget.
func finishTooLate(t *testing.T, q *purgeQueue) {
	span := q.sweep(t)
	span.Shard = "shardId-gone"
	q.send(t, span)
	q.kit.Tenant(t, "bob")
	q.finish(t, true, "the tokens of all users were recounted: 2, of which 1 were corrected.\n"+
		"User alice: corrected. 12 units that removed tokens had drawn")
	q.counted(t, 0, 88, 12)
	q.waiting(t, "0")
}

// finishAgain checks that a message which somebody has received is not reported as
// finished.
func finishAgain(t *testing.T, q *purgeQueue) {
	q.send(t, q.sweep(t))
	received, err := q.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.url, VisibilityTimeout: 120})
	if err != nil || len(received.Messages) != 1 {
		t.Fatalf("got %v, %v, want a message", received, err)
	}
	q.finish(t, false, "another run has received 1 message")
	_, err = q.client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: q.url, ReceiptHandle: received.Messages[0].ReceiptHandle})
	if err != nil {
		t.Fatal(err)
	}
	q.finish(t, true, "Removals counted: 1.")
	q.counted(t, 0, 95, 5)
}
