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

// A PurgeCounter is dynamo.Store.
type PurgeCounter interface {
	CountPurges(ctx context.Context, changes []dynamo.StreamRecord, now int64) (done, counted int, err error)
}

// Purge answers the events of the table's stream. Of a batch that can't be
// counted whole it names the first record that failed: Lambda comes again with
// that and all after it, if the event source mapping has
// ReportBatchItemFailures. A payload that is no such event is an invocation
// error.
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
		return nil, errNoBatch
	}
	return json.Marshal(answer)
}

// errNoBatch is all that Lambda hears of a payload that can't be read.
var errNoBatch = errors.New("the payload is no event of a DynamoDB stream: the log's own line says why")

// A batch is an event's changes, and the sequence number of each.
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
			return batch{}, fmt.Errorf("record %d is none of a DynamoDB stream", i)
		}
		c := dynamo.StreamRecord{
			Event:     r.EventName,
			Partition: keyOf(r.Change.Keys[dynamo.PartitionKey], events.DataTypeString),
			Number:    keyOf(r.Change.Keys[dynamo.SortKey], events.DataTypeNumber),
		}
		if r.UserIdentity != nil {
			c.Actor, c.Principal = r.UserIdentity.Type, r.UserIdentity.PrincipalID
		}
		b.changes, b.numbers = append(b.changes, c), append(b.numbers, r.Change.SequenceNumber)
	}
	return b, nil
}

// keyOf reads a key of a type; one of another type, or none, is empty.
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
