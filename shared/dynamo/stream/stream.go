// Package stream reads the records of a table's stream, for the local server and
// for tests. In AWS, Lambda does that.
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

// A Reader reads a table's stream from its oldest record on. It is not safe for
// concurrent use.
type Reader struct {
	table  *dynamodb.Client
	stream *dynamodbstreams.Client
	name   string
	last   map[string]string // the sequence number read last, by shard
}

// New makes a reader of a table's stream, with the client's region, endpoint and
// credentials.
func New(client *dynamodb.Client, table string) *Reader {
	o := client.Options()
	stream := dynamodbstreams.New(dynamodbstreams.Options{
		Region: o.Region, Credentials: o.Credentials, BaseEndpoint: o.BaseEndpoint, HTTPClient: identityFixer{o.HTTPClient},
	})
	return &Reader{client, stream, table, map[string]string{}}
}

// A Record is a change of an item, with its sequence number in the stream and its
// time.
type Record struct {
	dynamo.StreamRecord
	Sequence string
	Time     time.Time
}

// Next returns the records since the last call, oldest first in each shard. It
// returns none if the table has no stream. After an error the next call returns
// the same records again.
func (r *Reader) Next(ctx context.Context) ([]Record, error) {
	table, err := r.table.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &r.name})
	if err != nil {
		return nil, fmt.Errorf("find the stream of table %s: %w", r.name, err)
	}
	arn := table.Table.LatestStreamArn
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
		r.last[shard] = end
	}
	return all, nil
}

// read returns the records of a shard after the last one read.
func (r *Reader) read(ctx context.Context, arn, shard *string) ([]Record, error) {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: arn, ShardId: shard, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon}
	if last, ok := r.last[*shard]; ok {
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
		StreamRecord: dynamo.StreamRecord{Event: string(in.EventName), Before: itemOf(in.Dynamodb.OldImage)},
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

// An identityFixer corrects the local engine's answers. The engine writes who
// made a change with lower-case names, as in Lambda's events, and the SDK would
// ignore them.
type identityFixer struct{ next dynamodb.HTTPClient }

// Do implements dynamodb.HTTPClient.
func (f identityFixer) Do(r *http.Request) (*http.Response, error) {
	response, err := f.next.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return nil, err
	}
	body = bytes.ReplaceAll(body, []byte(`"userIdentity":{"type":`), []byte(`"userIdentity":{"Type":`)) // not inside a string: there, quotes are escaped
	body = bytes.ReplaceAll(body, []byte(`,"principalId":`), []byte(`,"PrincipalId":`))
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}
