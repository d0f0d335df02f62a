package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/engine"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// A refusingClient loses writes that have a text in them.
type refusingClient struct {
	next dynamodb.HTTPClient
	text string // "" loses none
}

// Do implements dynamodb.HTTPClient.
func (c *refusingClient) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if c.text != "" && strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutItem") && bytes.Contains(body, []byte(c.text)) {
		return nil, errors.New("connection lost")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return c.next.Do(r)
}

// newLocalRead returns the reader of a new engine's stream, a tenant of its table, and
// what can make calls of the reader fail.
func newLocalRead(t *testing.T) (*localStream, *dynamotest.Tenant, *refusingClient) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "engine.db")
	e, err := engine.Start(t.Context(), engine.Path(dynamotest.Root(t)), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	if err := dynamo.CreateTable(t.Context(), dynamotest.Client(e.Endpoint), dynamotest.Table); err != nil {
		t.Fatal(err)
	}
	broken := new(refusingClient)
	client := dynamotest.Client(e.Endpoint, func(o *dynamodb.Options) { broken.next, o.HTTPClient = o.HTTPClient, broken })
	s, err := newLocalStream(t.Context(), e, file, &database{client: client, table: dynamotest.Table}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	kit := &dynamotest.Kit{Endpoint: e.Endpoint, Engine: e, Client: client, Store: s.store}
	tenant := kit.Tenant(t, "alice")
	tenant.Clock.Advance(time.Now().Unix() - dynamotest.Epoch)
	return s, tenant, broken
}

// A webhook whose item is damaged gets nothing, and stops nothing.
func TestReadWithDamagedWebhook(t *testing.T) {
	t.Parallel()
	s, tenant, _ := newLocalRead(t)
	var log bytes.Buffer
	publisher, end := localPublisher(t.Context(), s.store, delivery.Timeout, slog.New(slog.NewJSONHandler(&log, nil)))
	defer end()
	s.publisher = publisher
	if _, err := s.db.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(dynamotest.Table), Item: dynamo.Item{
		"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("E#%d", tenant.Access.UserID)}, "sk": &types.AttributeValueMemberN{Value: "1"},
		"url": &types.AttributeValueMemberN{Value: "1"},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), UnlimitedQuota: new(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.read(t.Context(), tenant.Clock.Now()); err != nil || len(s.pending) > 0 {
		t.Errorf("got %v, with %d records pending; want all done", err, len(s.pending))
	}
	if !strings.Contains(log.String(), `"events lost","count":1`) {
		t.Errorf("got the log %s, want the lost event", &log)
	}
}

// When only some records could be added to the history, the next read publishes the
// events and files the timers of all.
func TestReadAfterPartOfTheHistoryFailed(t *testing.T) {
	t.Parallel()
	s, tenant, broken := newLocalRead(t)
	got := new(recorder)
	s.publisher = got
	expires := (tenant.UnixNow()/300+12)*300 + 150 // in the middle of a bucket
	for _, name := range []string{"first", "second"} {
		if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: &name, UnlimitedQuota: new(true), ExpiredTime: &expires}); err != nil {
			t.Fatal(err)
		}
	}
	broken.text = "second"
	if _, err := s.read(t.Context(), tenant.Clock.Now()); err == nil {
		t.Fatal("got no error, want one of the entry that was lost")
	}
	broken.text = ""
	if _, err := s.read(t.Context(), tenant.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", "second"} {
		if !slices.ContainsFunc(got.got, func(event string) bool {
			return strings.HasPrefix(event, "token.created ") && strings.Contains(event, name)
		}) {
			t.Errorf("got %v, want a token.created of the %s token", got.got, name)
		}
	}
	timers, err := s.store.CheckTimers(t.Context(), dynamo.DueTimerBucket(time.Unix(expires, 0))+1, "", expires+600)
	if err != nil || len(timers.Events) != 2 {
		t.Errorf("got %s, %v, want the events of both tokens when they expire", fmt.Sprint(timers.Events), err)
	}
}
