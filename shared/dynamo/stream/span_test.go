package stream_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestPurgesOfSpan reads parts of a stream with three purged tokens between other
// records. It returns exactly the purges from the first record to the last.
func TestPurgesOfSpan(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	span, all := sweptStream(t, kit, 3)
	var positions []int
	for i, r := range all {
		if _, _, ok := r.Purged(); ok {
			positions = append(positions, i)
		}
	}
	if len(positions) != 3 {
		t.Fatalf("got purges at %v, want 3", positions)
	}
	for _, c := range []struct {
		name        string
		first, last int
		want        []int
	}{
		{"all", 0, len(all) - 1, positions},
		{"one", positions[1], positions[1], positions[1:2]},
		{"two", positions[0], positions[1], positions[:2]},
		{"none", 0, positions[0] - 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			span.First, span.Last = all[c.first].Sequence, all[c.last].Sequence
			got, err := stream.Purges(t.Context(), kit.Client, span)
			if err != nil || len(got) != len(c.want) {
				t.Fatalf("got %d purges, %v, want %d", len(got), err, len(c.want))
			}
			for i, p := range c.want {
				if got[i].Number != all[p].Number || len(got[i].Before) == 0 {
					t.Errorf("got token %s with %d attributes, want token %s", got[i].Number, len(got[i].Before), all[p].Number)
				}
			}
		})
	}
}

// Records that the stream can't have are ErrGone.
func TestSpanIsGone(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	span, all := sweptStream(t, kit, 1)
	span.First, span.Last = all[0].Sequence, all[len(all)-1].Sequence
	for name, change := range map[string]func(*stream.Span){
		"another table": func(s *stream.Span) { s.Stream = strings.Replace(s.Stream, dynamotest.Table, "none", 1) },
		"another shard": func(s *stream.Span) { s.Shard += "0" },
		"later":         func(s *stream.Span) { s.Last = "9" + s.Last },
	} {
		gone := span
		change(&gone)
		if got, err := stream.Purges(t.Context(), kit.Client, gone); !errors.Is(err, stream.ErrGone) {
			t.Errorf("%s: got %d purges, %v, want ErrGone", name, len(got), err)
		}
	}
}

func TestSpanTable(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]string{
		"arn:aws:dynamodb:us-east-1:1:table/Latchkey-dev-Table/stream/2026-01-01T00:00:00.000": "Latchkey-dev-Table",
		"arn:aws:dynamodb:us-east-1:1:table/latchkey":                                          "",
		"": "",
	} {
		if got := (stream.Span{Stream: arn}).Table(); got != want {
			t.Errorf("%q: got %q, want %q", arn, got, want)
		}
	}
}

// sweptStream makes tokens that expire, lets the engine remove them, and returns
// the stream's only shard with all of its records.
func sweptStream(t *testing.T, kit *dynamotest.Kit, tokens int) (stream.Span, []dynamo.StreamRecord) {
	t.Helper()
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	tenant := kit.Tenant(t, "alice")
	for range tokens {
		if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), ExpiredTime: new(tenant.UnixNow() + 10)}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := kit.Engine.Sweep(t.Context()); err != nil || n != tokens {
		t.Fatalf("got %d swept, %v, want %d", n, err, tokens)
	}
	records, err := stream.New(kit.Client, dynamotest.Table).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table, err := kit.Client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: new(dynamotest.Table)})
	if err != nil {
		t.Fatal(err)
	}
	span := stream.Span{Stream: *table.Table.LatestStreamArn}
	o := kit.Client.Options()
	streams := dynamodbstreams.New(dynamodbstreams.Options{Region: o.Region, Credentials: o.Credentials, BaseEndpoint: o.BaseEndpoint})
	described, err := streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &span.Stream})
	if err != nil {
		t.Fatal(err)
	}
	span.Shard = *described.StreamDescription.Shards[0].ShardId
	if span.Table() != dynamotest.Table {
		t.Errorf("got table %q of %s, want %s", span.Table(), span.Stream, dynamotest.Table)
	}
	return span, records
}
