package stack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
)

// leftOut is a store that leaves out so many items.
type leftOut int

func (n leftOut) Fold(_ context.Context, changes []dynamo.StreamRecord, _ int64) (dynamo.Folding, error) {
	return dynamo.Folding{Done: len(changes), Unreadable: int(n)}, nil
}

func (leftOut) FileTimers(context.Context, []dynamo.StreamRecord, int64) (dynamo.Timers, error) {
	return dynamo.Timers{}, nil
}

func (n leftOut) CheckTimers(context.Context, dynamo.TimerBucket, string, int64) (dynamo.Timers, error) {
	return dynamo.Timers{Unreadable: int(n)}, nil
}

// The alarm counts the lines that the function history writes about something that it
// left out, and no others.
func TestUnreadableMetric(t *testing.T) {
	var p template
	if err := json.Unmarshal(read(t, "testdata/prod.template.json"), &p); err != nil {
		t.Fatal(err)
	}
	matches := comparison(t, p.patterns()["Unreadable"])
	noEvents := func(dynamo.StreamRecord) ([]event.Event, error) { return nil, nil }
	for name, payload := range map[string]string{
		"changes": `{"Records":[{"eventSource":"aws:dynamodb","eventName":"MODIFY","dynamodb":{"SequenceNumber":"1"}}]}`,
		"timers":  `{"bucket":1}`,
	} {
		for _, n := range []leftOut{0, 1, 20} {
			var log bytes.Buffer
			handler := boot.History(n, noEvents, event.Publishers{}, &boot.Timers{Store: n, Publisher: event.Publishers{}, Now: time.Now}, time.Now, slog.New(slog.NewJSONHandler(&log, nil)))
			if got, want := matches(invoke(t, handler, payload, &log)), n > 0; got != want {
				t.Errorf("%s: got %t for the line %s, want %t", name, got, log.Bytes(), want)
			}
		}
	}
}

// invoke returns the log line of an invocation.
func invoke(t *testing.T, handler lambda.Handler, payload string, log *bytes.Buffer) (line object) {
	t.Helper()
	if _, err := handler.Invoke(t.Context(), []byte(payload)); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return line
}

// comparison reads a pattern that compares a field of a line with a number.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func comparison(t *testing.T, pattern string) func(line object) bool {
	t.Helper()
	parts := regexp.MustCompile(`^\{ \$\.(\w+) > (\d+) \}$`).FindStringSubmatch(pattern)
	if parts == nil {
		t.Fatalf("got pattern %q, want a comparison", pattern)
	}
	least, _ := strconv.ParseFloat(parts[2], 64)
	return func(line object) bool {
		value, ok := line[parts[1]].(float64)
		return ok && value > least
	}
}
