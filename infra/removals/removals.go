// Package removals says how function purge gets the tokens that TTL removes:
// which records of the table's stream, how many at once, and how often again.
// The stack takes it from here, and a test holds template.yaml to it. It knows
// no CDK.
package removals

import (
	"encoding/json"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

const (
	// StartingPosition is the oldest record: nothing that the stream still has
	// is left uncounted.
	StartingPosition = "TRIM_HORIZON"
	// BatchSize is the most records that purge gets at once.
	BatchSize = 100
	// Window is how long Lambda waits for as many. Nobody waits for a count:
	// TTL itself is late by hours.
	Window = 5 * time.Second
	// Timeout is that of purge: some 100 transactions one after the other,
	// each asked again and again if need be.
	Timeout = time.Minute
	// Retries bound how long one record can hold up those behind it in its
	// shard.
	Retries = 10
	// MaxAge is that of a record which goes to the queue untried. The stream
	// keeps it for 24 h, so that it can still be read then.
	MaxAge = 23 * time.Hour
	// Bisect cuts a batch that failed in half.
	Bisect = true
	// Response is how purge says which record of a batch failed, so that
	// those before it are not tried again.
	Response = "ReportBatchItemFailures"
)

// tokens begins the partition key of every token, and of nothing else.
const tokens = "T#"

// Filter is the pattern of the records that purge gets: tokens that TTL
// removed. A removal by the API is counted where it is made, and marks and
// stored answers that TTL removes count for nothing.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
func Filter() string {
	type object = map[string]any
	pattern, err := json.Marshal(object{
		"eventName":    []string{"REMOVE"},
		"userIdentity": object{"type": []string{"Service"}, "principalId": []string{"dynamodb.amazonaws.com"}},
		"dynamodb":     object{"Keys": object{dynamo.PartitionKey: object{"S": []object{{"prefix": tokens}}}}},
	})
	if err != nil {
		panic(err) // texts alone
	}
	return string(pattern)
}
