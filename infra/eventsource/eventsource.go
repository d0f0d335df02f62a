// Package eventsource configures the event sources of the functions that read the
// table's stream or the queue of webhooks: what they receive, how much at once, and how
// often again after a failure. The stack uses these settings, and a test checks that
// template.yaml has the same. The package does not use CDK.
package eventsource

import (
	"encoding/json"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

const (
	// StartingPosition is the oldest record, so that everything counts that is
	// still in the stream.
	StartingPosition = "TRIM_HORIZON"
	// Bisect makes Lambda split a batch that failed in half.
	Bisect = true
	// Response lets a function report the first record of a batch that failed, so
	// that Lambda does not repeat the records before it.
	Response = "ReportBatchItemFailures"
	// Unlimited is a number of retries or a maximum age with which Lambda repeats a batch
	// until the stream drops it, which is after 24 h.
	Unlimited = -1
)

// A Source is what a function receives of the table's stream.
type Source struct {
	Function      string
	Name          string        // of the event source
	BatchSize     int           // the largest number of records in one event; an event has at most 6 MB
	Window        time.Duration // how long Lambda waits for a full batch
	Timeout       time.Duration // of the function
	Retries       int           // how often Lambda repeats a batch
	MaxAgeSeconds int           // the age at which Lambda gives a record up
	filters       []object
}

type object = map[string]any

// Sources returns the event sources of all functions that have one.
func Sources() []Source { return []Source{Purge(), History()} }

// Purge is what the function purge receives: tokens that TTL removed. Deletions
// through the API are counted when they happen. Other items that TTL removes, such
// as saved responses, are not counted anywhere.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
func Purge() Source {
	return Source{
		Function: api.Purge, Name: "Removals",
		BatchSize: 100,
		Window:    5 * time.Second, // the delay does not matter: TTL itself removes an item hours after its time
		Timeout:   time.Minute,     // for about 100 transactions one after the other, some of them repeated
		// They limit how long one record can delay those behind it in its shard. A
		// record that Lambda gives up goes to the queue; the stream keeps it for 24 h,
		// so it can still be read then.
		Retries:       10,
		MaxAgeSeconds: int(23 * time.Hour / time.Second),
		filters: []object{{
			"eventName":    []string{"REMOVE"},
			"userIdentity": object{"type": []string{"Service"}, "principalId": []string{"dynamodb.amazonaws.com"}},
			"dynamodb":     keys(object{"prefix": tokenPrefix}),
		}},
	}
}

// History is what the function history receives: all changes of tokens, users,
// wallets and prices, and the administrative changes of webhooks. Those have a note
// whose action begins with webhook; what a delivery writes has none.
func History() Source {
	return Source{
		Function: api.History, Name: "Changes",
		BatchSize: 2000, // about 6 MB
		// The more charges of a token are in one batch, the fewer writes they take.
		Window:  time.Minute,
		Timeout: time.Minute,
		// A record that was given up could not be counted later, because those after it
		// would be counted already. The function leaves out what it can't read.
		Retries:       Unlimited,
		MaxAgeSeconds: Unlimited,
		filters: []object{
			{"dynamodb": keys(object{"prefix": tokenPrefix}, object{"prefix": "U#"}, object{"prefix": "W#"}, "P")},
			{"dynamodb": object{
				"Keys":     keys(object{"prefix": "E#"})["Keys"],
				"NewImage": object{"did": object{"M": object{"k": object{"S": []object{{"prefix": "webhook."}}}}}},
			}},
		},
	}
}

// tokenPrefix starts the partition key of every token and of no other item.
const tokenPrefix = "T#"

func keys(partitions ...any) object {
	return object{"Keys": object{dynamo.PartitionKey: object{"S": partitions}}}
}

// Filters returns the patterns, in JSON, that select the records. A record that
// matches one of them is selected.
func (s Source) Filters() []string {
	all := make([]string, len(s.filters))
	for i, f := range s.filters {
		pattern, err := json.Marshal(f)
		if err != nil {
			panic(err) // impossible: the value consists of strings only
		}
		all[i] = string(pattern)
	}
	return all
}
