package boot

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

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
	return &streamReader{api.Purge, now, log, func(ctx context.Context, records []dynamo.StreamRecord, now int64) reading {
		done, counted, err := store.CountPurges(ctx, records, now)
		return reading{done, err, nil, false, func(cost reqlog.Cost) []slog.Attr {
			return []slog.Attr{slog.Int("counted", counted), cost.Writes(), cost.Trips()}
		}}
	}}
}
