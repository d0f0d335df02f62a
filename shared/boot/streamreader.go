package boot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// A streamReader is a function that the table's stream calls.
type streamReader struct {
	name string
	now  func() time.Time
	log  *slog.Logger
	read func(ctx context.Context, records []dynamo.StreamRecord, now int64) reading
}

// A reading is what became of the records of an event.
type reading struct {
	done  int   // records that are finished, from the first on
	err   error // why the next one is not
	bad   error // what has to be looked at, though the records are finished
	halve bool  // all records must come again, in smaller batches
	attrs func(reqlog.Cost) []slog.Attr
}

// errHalve makes Lambda send a batch again in two halves, which it does after an error
// only: to an answer that names the first record, it would send the same batch again.
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
var errHalve = errors.New("the records must come again, in smaller batches: the log line of the invocation has the cause")

// Invoke implements lambda.Handler.
func (s *streamReader) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	started := time.Now()
	ctx, meter := reqlog.WithMeter(ctx)
	records, malformed := readBatch(payload)
	r := s.read(ctx, records, s.now().Unix()) // of no records if it is malformed
	if malformed != nil {
		r.err = malformed
	}
	s.record(ctx, len(records), r, meter.Cost(), time.Since(started))
	if malformed != nil {
		return nil, errNotStreamEvent
	}
	if r.halve {
		return nil, errHalve
	}
	return json.Marshal(answerTo(records, r))
}

// record logs the invocation.
func (s *streamReader) record(ctx context.Context, records int, r reading, cost reqlog.Cost, took time.Duration) {
	line := reqlog.Line{
		Route: s.name, RequestID: RequestID(ctx), Duration: took,
		Attrs: append([]slog.Attr{slog.Int("records", records)}, r.attrs(cost)...), Err: cmp.Or(r.err, r.bad),
	}
	if line.Err != nil {
		line.Level = slog.LevelError
	}
	line.Write(ctx, s.log)
}

// RequestID returns Lambda's id of the invocation, or "".
func RequestID(ctx context.Context) string {
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return ""
	}
	return lc.AwsRequestID
}
