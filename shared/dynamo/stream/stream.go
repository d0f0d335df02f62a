// Package stream reads the records of a table's stream, for the local server and
// for tests. In AWS, Lambda does that.
package stream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

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
	return &Reader{client, newClient(client), table, map[string]string{}}
}

// newClient returns a client of the streams of a client's tables.
func newClient(table *dynamodb.Client) *dynamodbstreams.Client {
	o := table.Options()
	return dynamodbstreams.New(dynamodbstreams.Options{
		Region: o.Region, Credentials: o.Credentials, BaseEndpoint: o.BaseEndpoint, HTTPClient: identityFixer{o.HTTPClient},
	})
}

// Next returns the records since the last call, oldest first in each shard. It
// returns none if the table has no stream. After an error the next call returns
// the same records again.
func (r *Reader) Next(ctx context.Context) ([]dynamo.StreamRecord, error) {
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
	var all []dynamo.StreamRecord
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

// maxRecords is how many records are read at once. The local engine takes longer than
// an attempt may for 400 records of large items, and would do so for ever.
const maxRecords = 50

// read returns the records of a shard after the last one read.
func (r *Reader) read(ctx context.Context, arn, shard *string) ([]dynamo.StreamRecord, error) {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: arn, ShardId: shard, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon}
	if last, ok := r.last[*shard]; ok {
		in.ShardIteratorType, in.SequenceNumber = streamtypes.ShardIteratorTypeAfterSequenceNumber, &last
	}
	start, err := r.stream.GetShardIterator(ctx, in)
	if err != nil {
		return nil, err
	}
	var all []dynamo.StreamRecord
	for next := start.ShardIterator; next != nil; {
		page, err := r.stream.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: next, Limit: aws.Int32(maxRecords)})
		if err != nil {
			return nil, err
		}
		if len(page.Records) == 0 {
			break
		}
		for _, record := range page.Records {
			all = append(all, recordOf(*arn, record))
		}
		next = page.NextShardIterator
	}
	return all, nil
}

func recordOf(arn string, in streamtypes.Record) dynamo.StreamRecord {
	out := dynamo.StreamRecord{
		Event: string(in.EventName), Before: itemOf(in.Dynamodb.OldImage), After: itemOf(in.Dynamodb.NewImage),
		Stream: dynamo.StreamLabel(arn), Sequence: aws.ToString(in.Dynamodb.SequenceNumber),
		Time: aws.ToTime(in.Dynamodb.ApproximateCreationDateTime),
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
