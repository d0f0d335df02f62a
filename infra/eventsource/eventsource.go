// Package eventsource configures the event source of the function purge: which
// records of the table's stream it receives, how many at once, and how often
// again after a failure. The stack uses these settings, and a test checks that
// template.yaml has the same. The package does not use CDK.
package eventsource

import (
	"encoding/json"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

const (
	// StartingPosition is the oldest record, so that purge counts everything
	// that is still in the stream.
	StartingPosition = "TRIM_HORIZON"
	// BatchSize is the largest number of records in one event.
	BatchSize = 100
	// Window is how long Lambda waits for a full batch. The delay does not
	// matter: TTL itself removes an item hours after its time.
	Window = 5 * time.Second
	// Timeout is the time limit of purge. It is enough for about 100
	// transactions one after the other, some of them repeated.
	Timeout = time.Minute
	// Retries is how often Lambda repeats a batch. It limits how long one
	// record can delay those behind it in its shard.
	Retries = 10
	// MaxAge is the age at which a record goes to the queue without another
	// attempt. The stream keeps a record for 24 h, so it can still be read
	// then.
	MaxAge = 23 * time.Hour
	// Bisect makes Lambda split a batch that failed in half.
	Bisect = true
	// Response lets purge report the first record of a batch that failed, so
	// that Lambda does not repeat the records before it.
	Response = "ReportBatchItemFailures"
)

// tokenPrefix starts the partition key of every token and of no other item.
const tokenPrefix = "T#"

// Filter returns the pattern, in JSON, that selects the records for purge:
// tokens that TTL removed. Deletions through the API are counted when they
// happen. Other items that TTL removes, such as saved responses, are not
// counted anywhere.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
func Filter() string {
	type object = map[string]any
	pattern, err := json.Marshal(object{
		"eventName":    []string{"REMOVE"},
		"userIdentity": object{"type": []string{"Service"}, "principalId": []string{"dynamodb.amazonaws.com"}},
		"dynamodb":     object{"Keys": object{dynamo.PartitionKey: object{"S": []object{{"prefix": tokenPrefix}}}}},
	})
	if err != nil {
		panic(err) // impossible: the value consists of strings only
	}
	return string(pattern)
}
