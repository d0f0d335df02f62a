package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// A PurgeCounter counts the tokens that DynamoDB's time to live has removed;
// dynamo.Store implements it. done is how many of the changes are finished: after
// an error, the change with that index is the first to retry. now is in Unix
// seconds.
type PurgeCounter interface {
	CountPurges(ctx context.Context, changes []dynamo.StreamRecord, now int64) (done, counted int, err error)
}

// Purge answers the events of the table's stream: it counts the tokens that
// DynamoDB's time to live has removed. If a record fails, the answer names it,
// and Lambda sends that record and all after it again. For that, the event
// source mapping needs ReportBatchItemFailures. A payload that is not an event
// of a DynamoDB stream is an invocation error.
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
func Purge(store PurgeCounter, now func() time.Time, log *slog.Logger) lambda.Handler {
	return &purge{store, now, log}
}

type purge struct {
	store PurgeCounter
	now   func() time.Time
	log   *slog.Logger
}

// Invoke implements lambda.Handler.
func (p *purge) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	started := time.Now()
	ctx, meter := reqlog.WithMeter(ctx)
	batch, err := readBatch(payload)
	answer := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	malformed, counted := err, 0
	if malformed == nil {
		var done int
		done, counted, err = p.store.CountPurges(ctx, batch.changes, p.now().Unix())
		if err != nil {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: batch.numbers[done]})
		}
	}
	p.record(ctx, len(batch.changes), counted, err, meter.Cost(), time.Since(started))
	if malformed != nil {
		return nil, errNotStreamEvent
	}
	return json.Marshal(answer)
}

// errNotStreamEvent stands for every payload that can't be read: Lambda logs
// what Invoke returns, and does not mask credentials in it.
var errNotStreamEvent = errors.New("the payload is not an event of a DynamoDB stream: the log line of the invocation has the cause")

// A batch is the changes of an event, and the sequence number of each.
type batch struct {
	changes []dynamo.StreamRecord
	numbers []string
}

func readBatch(payload []byte) (b batch, err error) {
	var event events.DynamoDBEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return batch{}, fmt.Errorf("read the event: %w", err)
	}
	if len(event.Records) == 0 {
		return batch{}, errors.New("the event has no records")
	}
	for i, r := range event.Records {
		if r.EventSource != "aws:dynamodb" || r.Change.SequenceNumber == "" {
			return batch{}, fmt.Errorf("record %d is not a record of a DynamoDB stream", i)
		}
		c := dynamo.StreamRecord{
			Event:     r.EventName,
			Partition: keyOf(r.Change.Keys[dynamo.PartitionKey], events.DataTypeString),
			Number:    keyOf(r.Change.Keys[dynamo.SortKey], events.DataTypeNumber),
			Before:    itemOf(r.Change.OldImage),
		}
		if r.UserIdentity != nil {
			c.Actor, c.Principal = r.UserIdentity.Type, r.UserIdentity.PrincipalID
		}
		b.changes, b.numbers = append(b.changes, c), append(b.numbers, r.Change.SequenceNumber)
	}
	return b, nil
}

// keyOf returns the text of a key attribute, or "" if the attribute is missing
// or has another type than want.
func keyOf(v events.DynamoDBAttributeValue, want events.DynamoDBDataType) string {
	switch {
	case v.IsNull() || v.DataType() != want:
		return ""
	case want == events.DataTypeNumber:
		return v.Number()
	default:
		return v.String()
	}
}

// record logs the invocation.
func (p *purge) record(ctx context.Context, records, counted int, err error, cost reqlog.Cost, took time.Duration) {
	line := reqlog.Line{
		Route: api.Purge, Duration: took,
		Attrs: []slog.Attr{
			slog.Int("records", records), slog.Int("counted", counted),
			cost.Writes(), cost.Trips(),
		},
		Err: err,
	}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		line.RequestID = lc.AwsRequestID
	}
	if err != nil {
		line.Level = slog.LevelError
	}
	line.Write(ctx, p.log)
}
