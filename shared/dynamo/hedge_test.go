package dynamo_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// A slowTable answers calls on the clock of a synctest bubble. It is a client's
// connection.
type slowTable struct {
	answer func(nth int) (status int, after time.Duration) // nth counts from 0

	mu        sync.Mutex
	bodies    []string // of the requests
	cancelled int      // requests that the client did not wait for
	open      int      // answers that the client has not closed
}

const quick = time.Millisecond

// alwaysQuick are the answers of a table that is never slow.
func alwaysQuick(int) (int, time.Duration) { return http.StatusOK, quick }

// Do implements dynamodb.HTTPClient.
func (s *slowTable) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	nth := len(s.bodies)
	s.bodies = append(s.bodies, string(body))
	status, after := s.answer(nth)
	s.mu.Unlock()
	select {
	case <-time.After(after):
	case <-r.Context().Done():
		s.mu.Lock()
		s.cancelled++
		s.mu.Unlock()
		return nil, r.Context().Err()
	}
	text := `{}`
	switch {
	case status != http.StatusOK:
		text = `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`
	case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetItem"):
		text = `{"ConsumedCapacity":{"CapacityUnits":1}}`
	}
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: &tableAnswer{bytes.NewReader([]byte(text)), r.Context(), s}}, nil
}

// A tableAnswer can be read only while its request's context lasts, as from a connection.
type tableAnswer struct {
	io.Reader
	ctx   context.Context
	table *slowTable
}

func (a *tableAnswer) Read(p []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.Reader.Read(p)
}

func (a *tableAnswer) Close() error {
	a.table.mu.Lock()
	a.table.open--
	a.table.mu.Unlock()
	return nil
}

// client returns a client of the table that sends slow reads again.
func (s *slowTable) client() *dynamodb.Client {
	return dynamotest.ProductClient("http://table", func(o *dynamodb.Options) {
		o.HTTPClient, o.RetryMaxAttempts, o.Retryer = s, 1, aws.NopRetryer{}
	}, dynamo.Hedge(time.Now))
}

func getItem(ctx context.Context, client *dynamodb.Client) error {
	_, err := client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(dynamotest.Table), Key: item{"pk": &types.AttributeValueMemberS{Value: "a"}}, ConsistentRead: aws.Bool(true),
	})
	return err
}

// hedgeTest runs a test after a minute of n quick calls, with the answers that follow.
func hedgeTest(t *testing.T, n int, answer func(nth int) (status int, after time.Duration), test func(*testing.T, *slowTable, *dynamodb.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		table := &slowTable{answer: alwaysQuick}
		client := table.client()
		for range n {
			if err := getItem(t.Context(), client); err != nil {
				t.Fatal(err)
			}
		}
		table.answer, table.bodies = answer, nil
		test(t, table, client)
		synctest.Wait()
		if table.open != 0 {
			t.Errorf("%d answers were not closed", table.open)
		}
	})
}

const enough = 100 // calls before the first that may be sent again

// A read whose answer is slow is sent again: the same request, as consistent. The first
// answer wins, and the other attempt is cancelled. Both count.
func TestHedge(t *testing.T) {
	t.Parallel()
	const slow, hedgedAfter = 200 * time.Millisecond, 5 * time.Millisecond
	both := reqlog.Cost{ReadUnits: 2, RoundTrips: 2, Hedged: 1}
	once := reqlog.Cost{ReadUnits: 1, RoundTrips: 1}
	for _, tt := range []struct {
		name      string
		calls     int              // before
		status    [2]int           // of the two attempts
		after     [2]time.Duration // they are answered
		took      time.Duration
		cost      reqlog.Cost
		failed    bool
		cancelled int
	}{
		{"quick", enough, [2]int{200}, [2]time.Duration{quick}, quick, once, false, 0},
		{"too few calls before", enough - 2, [2]int{200}, [2]time.Duration{slow}, slow, once, false, 0},
		{"the second wins", enough, [2]int{200, 200}, [2]time.Duration{slow, quick}, hedgedAfter + quick, both, false, 1},
		{"the first wins", enough, [2]int{200, 200}, [2]time.Duration{slow, slow}, slow, both, false, 1},
		{"the second fails", enough, [2]int{200, 500}, [2]time.Duration{slow, quick}, slow, both, false, 0},
		{"the second is refused", enough, [2]int{200, 400}, [2]time.Duration{slow, quick}, slow, both, false, 0},
		{"no answer", enough, [2]int{}, [2]time.Duration{time.Minute, time.Minute}, time.Second, reqlog.Cost{RoundTrips: 2, Hedged: 1}, true, 2},
		{"the first fails first", enough, [2]int{500, 200}, [2]time.Duration{slow, slow}, slow, reqlog.Cost{RoundTrips: 2, Hedged: 1}, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hedgeTest(t, tt.calls, func(nth int) (int, time.Duration) { return tt.status[nth], tt.after[nth] }, func(t *testing.T, table *slowTable, client *dynamodb.Client) {
				ctx, meter := reqlog.WithMeter(t.Context())
				begun := time.Now()
				err := getItem(ctx, client)
				if (err != nil) != tt.failed || time.Since(begun) != tt.took {
					t.Errorf("got %v after %v, want it failed: %t, after %v", err, time.Since(begun), tt.failed, tt.took)
				}
				if got := meter.Cost(); got != tt.cost {
					t.Errorf("got %+v, want %+v", got, tt.cost)
				}
				synctest.Wait()
				if table.cancelled != tt.cancelled {
					t.Errorf("%d attempts were cancelled, want %d", table.cancelled, tt.cancelled)
				}
				if first := table.bodies[0]; !strings.Contains(first, `"ConsistentRead":true`) || len(table.bodies) > 1 && table.bodies[1] != first {
					t.Errorf("got the requests %q, want the same consistent ones", table.bodies)
				}
			})
		})
	}
}

// Whatever becomes slow, at most 2 % of the reads are sent again, and only a few of
// those that are made at the same time.
func TestHedgeBudget(t *testing.T) {
	t.Parallel()
	const before, atOnce = 10_000, 1_000
	t.Run("all at once", func(t *testing.T) {
		slow := func(int) (int, time.Duration) { return http.StatusOK, 100 * time.Millisecond }
		hedgeTest(t, before, slow, func(t *testing.T, table *slowTable, client *dynamodb.Client) {
			var all sync.WaitGroup
			for range atOnce {
				all.Go(func() { _ = getItem(t.Context(), client) })
			}
			all.Wait()
			if extra := len(table.bodies) - atOnce; extra < 1 || extra > 5 {
				t.Errorf("%d of %d calls were sent again, want 1 to 5", extra, atOnce)
			}
		})
	})
	t.Run("every tenth", func(t *testing.T) {
		call, answered := 0, -1
		firstIsSlow := func(int) (int, time.Duration) {
			if call%10 != 0 || answered == call {
				return http.StatusOK, quick
			}
			answered = call
			return http.StatusOK, 50 * time.Millisecond
		}
		hedgeTest(t, before, firstIsSlow, func(t *testing.T, table *slowTable, client *dynamodb.Client) {
			for call = range atOnce {
				_ = getItem(t.Context(), client)
				if extra, most := len(table.bodies)-call-1, 5+(call+1)/50; extra > most {
					t.Fatalf("%d of %d calls were sent again, want at most %d", extra, call+1, most)
				}
			}
			if extra := len(table.bodies) - atOnce; extra < 20 {
				t.Errorf("%d of %d calls were sent again, want 20 or more", extra, atOnce)
			}
		})
	})
}

// A read that is answered in time is hardly dearer than one that is never sent again.
func TestQuickReadAllocations(t *testing.T) {
	measure := func(options ...func(*dynamodb.Options)) float64 {
		client := dynamotest.ProductClient("http://table", append(options, func(o *dynamodb.Options) {
			o.HTTPClient.(*dynamo.HTTPClient).Client.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
			})
		})...)
		for range 2 * enough {
			if err := getItem(t.Context(), client); err != nil {
				t.Fatal(err)
			}
		}
		return testing.AllocsPerRun(200, func() { _ = getItem(t.Context(), client) })
	}
	const more = 6
	if plain, hedged := measure(), measure(dynamo.Hedge(time.Now)); hedged > plain+more {
		t.Errorf("a read takes %.0f allocations instead of %.0f, want at most %d more", hedged, plain, more)
	}
}

// If all calls become slower, none is sent again a little later: the 99th percentile is
// that of the last minute.
func TestHedgeFollows(t *testing.T) {
	t.Parallel()
	slower := func(int) (int, time.Duration) { return http.StatusOK, 50 * time.Millisecond }
	hedgeTest(t, enough, slower, func(t *testing.T, table *slowTable, client *dynamodb.Client) {
		for range enough {
			_ = getItem(t.Context(), client)
		}
		sent := len(table.bodies)
		for range enough {
			_ = getItem(t.Context(), client)
		}
		if extra := len(table.bodies) - sent - enough; extra != 0 {
			t.Errorf("%d calls were sent again, want none", extra)
		}
		table.answer = alwaysQuick
		for range 2 * enough {
			_ = getItem(t.Context(), client)
			time.Sleep(500 * time.Millisecond) // of the bubble
		}
		table.answer, sent = slower, len(table.bodies)
		_ = getItem(t.Context(), client)
		if extra := len(table.bodies) - sent - 1; extra != 1 {
			t.Errorf("a minute later, %d calls were sent again, want 1", extra)
		}
	})
}

// A write is never sent again, however slow it is.
func TestWritesAreNotHedged(t *testing.T) {
	t.Parallel()
	table, key := aws.String(dynamotest.Table), item{"pk": &types.AttributeValueMemberS{Value: "a"}}
	for name, write := range map[string]func(context.Context, *dynamodb.Client) error{
		"UpdateItem": func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: table, Key: key})
			return err
		},
		"PutItem": func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: key})
			return err
		},
		"DeleteItem": func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: key})
			return err
		},
		"TransactWriteItems": func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Delete: &types.Delete{TableName: table, Key: key}}}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := &slowTable{answer: func(nth int) (int, time.Duration) {
					if nth < 2*enough {
						return http.StatusOK, quick
					}
					return http.StatusOK, 500 * time.Millisecond
				}}
				client := slow.client()
				for range 2*enough + 1 {
					if err := write(t.Context(), client); err != nil {
						t.Fatal(err)
					}
				}
				if extra := len(slow.bodies) - 2*enough - 1; extra != 0 {
					t.Errorf("%d calls were sent again", extra)
				}
			})
		})
	}
}

// A store with the option sends a read again on a real connection, and closes the other.
func TestHedgedStore(t *testing.T) {
	t.Parallel()
	dynamotest.WantHedge(t, func(url string) *dynamo.Store {
		return dynamo.New(dynamotest.ProductClient(url, dynamo.Hedge(time.Now)), dynamotest.Table)
	})
}
