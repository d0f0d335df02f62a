// Package stream reads what a table's stream tells, for the local server and
// for tests; in AWS, Lambda does that. It knows nothing of what is in the
// table.
package stream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// A Reader reads a table's stream from its beginning on.
type Reader struct {
	table    *dynamodb.Client
	stream   *dynamodbstreams.Client
	name     string
	youngest map[string]string // sequence number that was read last, by shard
}

// New makes a reader of a table, which goes where the table's client goes.
func New(client *dynamodb.Client, table string) *Reader {
	o := client.Options()
	stream := dynamodbstreams.New(dynamodbstreams.Options{
		Region: o.Region, Credentials: o.Credentials, BaseEndpoint: o.BaseEndpoint, HTTPClient: spelling{o.HTTPClient},
	})
	return &Reader{client, stream, table, map[string]string{}}
}

// A Record is a change, with its place in the stream and its time.
type Record struct {
	dynamo.StreamRecord
	Sequence string
	Time     time.Time
}

// Next returns what it has not returned before. After an error it begins where
// it began this time.
func (r *Reader) Next(ctx context.Context) ([]Record, error) {
	about, err := r.table.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &r.name})
	if err != nil {
		return nil, fmt.Errorf("find the stream of table %s: %w", r.name, err)
	}
	arn := about.Table.LatestStreamArn
	if arn == nil {
		return nil, nil
	}
	out, err := r.stream.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: arn})
	if err != nil {
		return nil, fmt.Errorf("describe the stream of table %s: %w", r.name, err)
	}
	var all []Record
	ends := map[string]string{}
	for _, shard := range out.StreamDescription.Shards {
		records, err := r.read(ctx, arn, shard.ShardId)
		if err != nil {
			return nil, fmt.Errorf("read the stream of table %s: %w", r.name, err)
		}
		if n := len(records); n > 0 {
			ends[*shard.ShardId] = records[n-1].Sequence
		}
		all = append(all, records...)
	}
	for shard, end := range ends {
		r.youngest[shard] = end
	}
	return all, nil
}

// read reads a shard from the last place on until nothing more is there.
func (r *Reader) read(ctx context.Context, arn, shard *string) ([]Record, error) {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: arn, ShardId: shard, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon}
	if last, ok := r.youngest[*shard]; ok {
		in.ShardIteratorType, in.SequenceNumber = streamtypes.ShardIteratorTypeAfterSequenceNumber, &last
	}
	start, err := r.stream.GetShardIterator(ctx, in)
	if err != nil {
		return nil, err
	}
	var all []Record
	for next := start.ShardIterator; next != nil; {
		page, err := r.stream.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: next})
		if err != nil {
			return nil, err
		}
		if len(page.Records) == 0 {
			break
		}
		for _, record := range page.Records {
			all = append(all, recordOf(record))
		}
		next = page.NextShardIterator
	}
	return all, nil
}

func recordOf(in streamtypes.Record) Record {
	out := Record{
		StreamRecord: dynamo.StreamRecord{Event: string(in.EventName)},
		Sequence:     aws.ToString(in.Dynamodb.SequenceNumber),
		Time:         aws.ToTime(in.Dynamodb.ApproximateCreationDateTime),
	}
	if in.UserIdentity != nil {
		out.Actor, out.Principal = aws.ToString(in.UserIdentity.Type), aws.ToString(in.UserIdentity.PrincipalId)
	}
	if pk, ok := in.Dynamodb.Keys[dynamo.PartitionKey].(*streamtypes.AttributeValueMemberS); ok {
		out.Partition = pk.Value
	}
	if sk, ok := in.Dynamodb.Keys[dynamo.SortKey].(*streamtypes.AttributeValueMemberN); ok {
		out.Number = sk.Value
	}
	return out
}

// spelling makes the local engine's answers readable for the SDK, which would
// overlook who made a change: the engine writes the identity as it is in
// Lambda's events, with small letters.
type spelling struct{ next dynamodb.HTTPClient }

// Do sends a request.
func (s spelling) Do(r *http.Request) (*http.Response, error) {
	answer, err := s.next.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		return nil, err
	}
	body = bytes.ReplaceAll(body, []byte(`"userIdentity":{"type":`), []byte(`"userIdentity":{"Type":`)) // in a text, quotes are escaped
	body = bytes.ReplaceAll(body, []byte(`,"principalId":`), []byte(`,"PrincipalId":`))
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return answer, nil
}
