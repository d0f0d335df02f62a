package boot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// failing is a store that fails at the second record.
type failing struct{ err error }

func (f failing) CountPurges(context.Context, []dynamo.StreamRecord, int64) (done, counted int, err error) {
	return 1, 1, f.err
}

// If a record fails, the answer names it and the log line has the error.
func TestPurgeFails(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := boot.Purge(failing{errors.New("no answer for token 1/4")}, time.Now, slog.New(slog.NewJSONHandler(&log, nil)))
	answer, err := h.Invoke(t.Context(), eventText(t, "purge"))
	if want := `{"batchItemFailures":[{"itemIdentifier":"4421584500000000017450439105"}]}`; err != nil || string(answer) != want {
		t.Errorf("got %s, %v, want %s", answer, err, want)
	}
	var line struct {
		Msg, Level, Route, Error string
		Records, Counted         int
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("got log %q, want one line of JSON", log.String())
	}
	if line.Level != "ERROR" || line.Route != "purge" || line.Records != 3 || line.Counted != 1 || !strings.HasPrefix(line.Error, "no answer for ") {
		t.Errorf("got line %s, want the error, 3 records and 1 counted", log.String())
	}
}

// halfRead is a store that can't read everything of a batch.
type halfRead struct{ boot.Folder }

func (halfRead) Fold(_ context.Context, changes []dynamo.StreamRecord, _ int64) (dynamo.Folding, error) {
	return dynamo.Folding{Done: len(changes), Unreadable: 2, Unread: errors.New("history Y#1#1/5")}, nil
}

// What can't be read is in a line of level ERROR, and the records are finished.
func TestHistoryReportsUnreadable(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := boot.History(halfRead{}, dynamo.EventsOf, new(pipeline), nil, time.Now, slog.New(slog.NewJSONHandler(&log, nil)))
	if answer, err := h.Invoke(t.Context(), eventText(t, "purge")); err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("got %s, %v, want no failure", answer, err)
	}
	if line := log.String(); !strings.Contains(line, `"level":"ERROR"`) || !strings.Contains(line, `"unreadable":2`) || !strings.Contains(line, `"error":"history Y#1#1/5"`) {
		t.Errorf("got %s, want an error with what can't be read", line)
	}
}

// A payload that is not an event of a DynamoDB stream is an invocation error.
func TestPurgeWithForeignPayload(t *testing.T) {
	t.Parallel()
	h := boot.Purge(dynamotest.New(t).Store, time.Now, quiet())
	for _, payload := range []string{
		``, `[`, `null`, `{}`, `{"Records":[]}`, `{"Records":[{}]}`, `"hello"`, string(eventText(t, "list")),
		`{"Records":[{"eventSource":"aws:sqs","dynamodb":{"SequenceNumber":"1"}}]}`,
		`{"Records":[{"eventSource":"aws:dynamodb","dynamodb":{"Keys":{"pk":{"X":"T#1#0"}},"SequenceNumber":"1"}}]}`,
	} {
		if answer, err := h.Invoke(t.Context(), []byte(payload)); err == nil {
			t.Errorf("%s: got %s, want an error", payload, answer)
		}
	}
}

// A record whose keys are not those of a token is skipped.
func TestPurgeSkipsOtherKeys(t *testing.T) {
	t.Parallel()
	h := boot.Purge(dynamotest.New(t).Store, time.Now, quiet())
	for _, keys := range []string{
		`null`, `{}`, `{"pk":{"N":"1"},"sk":{"N":"1"}}`, `{"pk":{"S":"T#1#0"},"sk":{"S":"1"}}`, `{"pk":{"NULL":true},"sk":{"BOOL":true}}`,
	} {
		payload := `{"Records":[{"eventName":"REMOVE","eventSource":"aws:dynamodb","userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},` +
			`"dynamodb":{"Keys":` + keys + `,"SequenceNumber":"1"}}]}`
		if answer, err := h.Invoke(t.Context(), []byte(payload)); err != nil || string(answer) != `{"batchItemFailures":[]}` {
			t.Errorf("%s: got %s, %v, want it skipped", keys, answer, err)
		}
	}
}

// images keeps the items of the changes that it is given.
type images struct{ items []dynamo.Item }

func (s *images) CountPurges(_ context.Context, changes []dynamo.StreamRecord, _ int64) (done, counted int, err error) {
	for _, c := range changes {
		s.items = append(s.items, c.Before)
	}
	return len(changes), 0, nil
}

// An event has the removed item with the types that the store writes.
func TestPurgeReadsOldImage(t *testing.T) {
	t.Parallel()
	store := new(images)
	payload := `{"Records":[{"eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"1","Keys":{"pk":{"S":"T#1#0"},"sk":{"N":"4"}},"OldImage":{
		"name":{"S":"app"},"sk":{"N":"4"},"hash":{"B":"AQID"},"limited":{"BOOL":true},"wallet":{"M":{"c":{"N":"1"}}},"models":{"L":[{"S":"m"}]}}}}]}`
	if _, err := boot.Purge(store, time.Now, quiet()).Invoke(t.Context(), []byte(payload)); err != nil {
		t.Fatal(err)
	}
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	want := []dynamo.Item{{
		"name": text("app"), "sk": number("4"), "hash": &types.AttributeValueMemberB{Value: []byte{1, 2, 3}},
		"limited": &types.AttributeValueMemberBOOL{Value: true},
		"wallet":  &types.AttributeValueMemberM{Value: dynamo.Item{"c": number("1")}},
		"models":  &types.AttributeValueMemberL{Value: []types.AttributeValue{text("m")}},
	}}
	if !reflect.DeepEqual(store.items, want) {
		t.Errorf("got %v, want %v", store.items, want)
	}
}
