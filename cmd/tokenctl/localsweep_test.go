package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/engine"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A removal takes at most 2 % of the time, also one that fails, and without an expired
// item there is none.
func TestSweepPace(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	for name, tt := range map[string]struct {
		found      bool
		err        error // of the removal, or of the look if nothing is found
		took, wait time.Duration
		removals   int
	}{
		"nothing expired": {took: 3 * time.Second, wait: 10 * time.Second},
		"fast":            {found: true, took: 100 * time.Millisecond, wait: 10 * time.Second, removals: 1},
		"slow":            {found: true, took: 3 * time.Second, wait: 147 * time.Second, removals: 1},
		"failed":          {found: true, err: lost, took: 3 * time.Second, wait: 147 * time.Second, removals: 1},
		"not known":       {err: lost, took: 3 * time.Second, wait: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, removals := time.Unix(dynamotest.Epoch, 0), 0
			s := sweeper{
				every: 10 * time.Second,
				expired: func(context.Context, time.Time) (bool, error) {
					if tt.found {
						return true, nil
					}
					return false, tt.err
				},
				remove: func(context.Context) (int, error) {
					removals++
					now = now.Add(tt.took)
					return 1, tt.err
				},
				now: func() time.Time { return now },
			}
			wait, err := s.sweep(t.Context())
			if wait != tt.wait || removals != tt.removals || !errors.Is(err, tt.err) {
				t.Errorf("got %d removals, a wait of %v and %v; want %d, %v and %v", removals, wait, err, tt.removals, tt.wait, tt.err)
			}
		})
	}
}

// An item is found from the second of its ttl on, whatever other items there are, and also
// in a table that had items before it had the index.
func TestHasExpired(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "engine.db")
	e, err := engine.Start(t.Context(), engine.Path(dynamotest.Root(t)), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	client, table := dynamotest.Client(e.Endpoint), "a-table.with_marks"
	if err := dynamo.CreateTable(t.Context(), client, table); err != nil {
		t.Fatal(err)
	}
	put := func(sortKey, ttl string) {
		t.Helper()
		it := map[string]types.AttributeValue{dynamo.PartitionKey: &types.AttributeValueMemberS{Value: "T#1#0"}, dynamo.SortKey: &types.AttributeValueMemberN{Value: sortKey}}
		if ttl != "" {
			it[dynamo.TTL] = &types.AttributeValueMemberN{Value: ttl}
		}
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: it}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(second int64, want bool) {
		t.Helper()
		if got, err := hasExpired(t.Context(), file, table, time.Unix(second, 0)); err != nil || got != want {
			t.Errorf("second %d: got %t, %v, want %t", second, got, err, want)
		}
	}
	put("1", "")
	put("2", "20000")
	for range 2 { // as at each start of the server
		if err := indexExpiry(t.Context(), file, table); err != nil {
			t.Fatal(err)
		}
	}
	want(19_999, false)
	want(20_000, true)
	put("3", "3000")
	want(2_999, false)
	want(3_000, true)
	put("3", "") // it expires no more
	want(19_999, false)
}

// BenchmarkSweep compares how long the engine answers nothing because it looks at all items,
// and how long it takes to look in its index, during which it answers.
//
//	go test -run '^$' -bench Sweep -benchtime 5x ./cmd/tokenctl
func BenchmarkSweep(b *testing.B) {
	for _, tokens := range []int64{20_000, 100_000} {
		b.Run(fmt.Sprint(tokens), func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "engine.db")
			e, err := engine.Start(b.Context(), engine.Path(dynamotest.Root(b)), file)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(e.Stop)
			client := dynamotest.Client(e.Endpoint)
			if err := dynamo.CreateTable(b.Context(), client, dynamotest.Table); err != nil {
				b.Fatal(err)
			}
			kit := &dynamotest.Kit{Endpoint: e.Endpoint, Engine: e, Client: client, Store: dynamo.New(client, dynamotest.Table)}
			tenant := kit.Tenant(b, "many")
			if _, _, err := tenant.Create(b.Context(), tenant.Access, token.Settings{Name: new("production-app"), RemainQuota: new(int64(1_000))}); err != nil {
				b.Fatal(err)
			}
			kit.CopyFirstToken(b, tenant, tokens-1)
			if err := indexExpiry(b.Context(), file, dynamotest.Table); err != nil {
				b.Fatal(err)
			}
			var sweeps, looks time.Duration
			for b.Loop() {
				started := time.Now()
				if _, err := e.Sweep(b.Context()); err != nil {
					b.Fatal(err)
				}
				swept := time.Now()
				if _, err := hasExpired(b.Context(), file, dynamotest.Table, swept); err != nil {
					b.Fatal(err)
				}
				sweeps, looks = sweeps+swept.Sub(started), looks+time.Since(swept)
			}
			b.ReportMetric(float64(sweeps.Milliseconds())/float64(b.N), "sweep-ms")
			b.ReportMetric(float64(looks.Milliseconds())/float64(b.N), "look-ms")
		})
	}
}
