package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// ErrGone means that the stream no longer has the records: it keeps them for 24
// hours, and loses them when it is turned off.
var ErrGone = errors.New("the stream no longer has the records")

// A Span is a part of a shard, from one sequence number to another, both
// included. Lambda reports the records that it gave up on as a span.
// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
type Span struct {
	Stream string `json:"streamArn"`
	Shard  string `json:"shardId"`
	First  string `json:"startSequenceNumber"`
	Last   string `json:"endSequenceNumber"`
}

// Table returns the name of the table whose stream it is, or "" if Stream is not
// the ARN of a table's stream.
func (s Span) Table() string {
	_, after, _ := strings.Cut(s.Stream, ":table/")
	table, _, ok := strings.Cut(after, "/stream/")
	if !ok {
		return ""
	}
	return table
}

// maxEmptyPages is how many pages without a record may follow each other before
// the last record of a span. A page may be empty although records follow.
const maxEmptyPages = 100

// Purges returns those records of a span that are purged tokens; see
// dynamo.StreamRecord.Purged. If the stream does not have all records of the span,
// the error is ErrGone. The table's client has region, endpoint and credentials.
func Purges(ctx context.Context, table *dynamodb.Client, s Span) ([]dynamo.StreamRecord, error) {
	client := newClient(table)
	start, err := client.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &s.Stream, ShardId: &s.Shard,
		ShardIteratorType: streamtypes.ShardIteratorTypeAtSequenceNumber, SequenceNumber: &s.First,
	})
	if err != nil {
		return nil, goneOr(err)
	}
	var purges []dynamo.StreamRecord
	empty := 0
	for next := start.ShardIterator; next != nil && empty < maxEmptyPages; {
		page, err := client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: next})
		if err != nil {
			return nil, goneOr(err)
		}
		for _, r := range page.Records {
			after := compareSequence(aws.ToString(r.Dynamodb.SequenceNumber), s.Last)
			if record := recordOf(s.Stream, r); after <= 0 && isPurge(record) {
				purges = append(purges, record)
			}
			if after >= 0 {
				return purges, nil
			}
		}
		if empty++; len(page.Records) > 0 {
			empty = 0
		}
		next = page.NextShardIterator
	}
	return nil, ErrGone
}

func isPurge(r dynamo.StreamRecord) bool {
	_, _, ok := r.Purged()
	return ok
}

// goneOr returns ErrGone if the stream, the shard or the record no longer exists.
func goneOr(err error) error {
	var trimmed *streamtypes.TrimmedDataAccessException
	var missing *streamtypes.ResourceNotFoundException
	if errors.As(err, &trimmed) || errors.As(err, &missing) {
		return ErrGone
	}
	return fmt.Errorf("read the stream: %w", err)
}

// compareSequence compares two sequence numbers, which are decimal and too large
// for an integer.
func compareSequence(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
