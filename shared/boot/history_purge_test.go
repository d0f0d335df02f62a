package boot_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
)

// A purger reads the stream of a round's table and delivers its records to the
// purge function, whose process may crash.
type purger struct {
	*round
	reader  *stream.Reader
	process dynamotest.Process
	handler lambda.Handler
	pending []*delivery
}

// A delivery is a record for the purge function, and how often it was sent.
type delivery struct {
	record events.DynamoDBEventRecord
	times  int
}

// read adds the new records of the stream to those that are pending: every
// removal, and one in eight of the rest, which the purge must ignore.
func (p *purger) read(t *testing.T) {
	t.Helper()
	records, err := p.reader.Next(t.Context())
	if err != nil {
		t.Fatalf("round %d: %v", p.number, err)
	}
	for _, record := range records {
		if record.Event == "REMOVE" || p.random.IntN(8) == 0 {
			p.pending = append(p.pending, &delivery{record: lambdaRecord(record)})
		}
	}
}

// lambdaRecord returns a record in the form in which Lambda delivers it.
func lambdaRecord(r dynamo.StreamRecord) events.DynamoDBEventRecord {
	out := events.DynamoDBEventRecord{EventName: r.Event, EventSource: "aws:dynamodb", Change: events.DynamoDBStreamRecord{
		SequenceNumber: r.Sequence,
		Keys: map[string]events.DynamoDBAttributeValue{
			dynamo.PartitionKey: events.NewStringAttribute(r.Partition), dynamo.SortKey: events.NewNumberAttribute(r.Number),
		},
	}}
	if r.Actor != "" {
		out.UserIdentity = &events.DynamoDBUserIdentity{Type: r.Actor, PrincipalID: r.Principal}
	}
	return out
}

// deliver sends up to 20 of the pending records to the purge function, in random
// order. With faults, the function may crash, and records that it has finished
// may stay pending, to be sent again.
func (p *purger) deliver(t *testing.T, faults bool) {
	t.Helper()
	batch, payload := p.nextBatch(t)
	if len(batch) == 0 {
		return
	}
	lastCall := 0
	if faults && p.random.IntN(3) == 0 {
		lastCall = 1 + p.random.IntN(6)
	}
	ctx := p.process.Start(t.Context(), lastCall, p.random.IntN(2) == 0)
	answer, err := p.handler.Invoke(ctx, payload)
	if p.process.Stop() { // it crashed, so nobody gets its answer
		p.crashes.Add(1)
		return
	}
	var result events.DynamoDBEventResponse
	if err != nil || json.Unmarshal(answer, &result) != nil {
		t.Fatalf("round %d: purge: %s, %v", p.number, answer, err)
	}
	finished := len(batch)
	if len(result.BatchItemFailures) > 0 {
		finished = slices.IndexFunc(batch, func(d *delivery) bool {
			return d.record.Change.SequenceNumber == result.BatchItemFailures[0].ItemIdentifier
		})
	}
	pending := slices.Clone(p.pending[finished:])
	for _, d := range batch[:finished] {
		if faults && p.random.IntN(3) == 0 {
			pending = append(pending, d)
		}
	}
	p.pending = pending
}

// nextBatch shuffles the pending records and returns the first of them, with
// the event that delivers them.
func (p *purger) nextBatch(t *testing.T) (batch []*delivery, payload []byte) {
	t.Helper()
	p.random.Shuffle(len(p.pending), func(i, j int) { p.pending[i], p.pending[j] = p.pending[j], p.pending[i] })
	batch = p.pending[:min(1+p.random.IntN(20), len(p.pending))]
	event := events.DynamoDBEvent{}
	for _, d := range batch {
		event.Records = append(event.Records, d.record)
		p.delivered.Add(1)
		if d.times++; d.times > 1 {
			p.redelivered.Add(1)
		}
	}
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return batch, payload
}
