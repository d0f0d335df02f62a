package boot_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/shared/api"
)

var update = flag.Bool("update", false, "rewrite the golden files") //nolint:gochecknoglobals // flags are registered before any test runs

func goldenFile(event string) string { return filepath.Join("testdata", event+".golden.json") }

// compareGolden fails the test unless an answer is as in the golden file of its
// event.
func compareGolden(t *testing.T, event string, answer []byte) {
	t.Helper()
	got := readable(t, answer)
	if *update {
		if err := os.WriteFile(goldenFile(event), got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile(event))
	if err != nil {
		t.Fatalf("%v; create it with -update and review it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("answer to %s (-want +got):\n%s", event, diff)
	}
}

// readable formats an answer for a golden file. The body is JSON instead of a
// string. Placeholders stand for keys, for times near the present, for generated
// request ids and for pages, because these change from run to run.
func readable(t *testing.T, answer []byte) []byte {
	t.Helper()
	var a struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
		Body       json.RawMessage   `json:"body"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		t.Fatal(err)
	}
	if a.Body == nil { // the answer of the authorizer or the purge
		return indented(t, json.RawMessage(answer))
	}
	if strings.HasPrefix(a.Headers["Etag"], "W/") { // only pages have a weak ETag
		a.Headers["Etag"], a.Headers["Content-Length"], a.Body = `W/"(version)"`, "(length)", json.RawMessage(`"(page)"`)
		return indented(t, a)
	}
	var body string
	if err := json.Unmarshal(a.Body, &body); err != nil {
		t.Fatal(err)
	}
	body = capture.Normalize(body)
	body = regexp.MustCompile(`(_time|expires_at|_until|"time)":\d+`).ReplaceAllStringFunc(body, nameTime)
	body = regexp.MustCompile(`"(from|to)":\d+`).ReplaceAllString(body, `"$1":"(time)"`)
	body = regexp.MustCompile(`"request_id":"[A-Z2-7]{26}(-[0-9a-z]+-[0-9a-z]+)?"`).ReplaceAllString(body, `"request_id":"(random)"`)
	a.Body = json.RawMessage(body)
	return indented(t, a)
}

// nameTime replaces the time in a field by its distance from now in minutes, if
// that is at most an hour.
func nameTime(field string) string {
	name, second, _ := strings.Cut(field, ":")
	n, _ := strconv.ParseInt(second, 10, 64)
	switch ahead := time.Until(time.Unix(n, 0)).Round(time.Minute); {
	case ahead == 0:
		return name + `:"(now)"`
	case ahead.Abs() <= time.Hour:
		return fmt.Sprintf(`%s:"(now %+d min)"`, name, ahead/time.Minute)
	default:
		return field
	}
}

func indented(t *testing.T, answer any) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(answer); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Every event has a golden file and every golden file has an event.
func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(goldenFile("*"))
	if err != nil {
		t.Fatal(err)
	}
	names := eventNames(t, "")
	if got, want := len(files), len(names); got != want {
		t.Errorf("got %d golden files, want %d", got, want)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".golden.json"); !slices.Contains(names, name) {
			t.Errorf("got golden file %s, want an event with that name, or delete the file", file)
		}
	}
}

// The events in events/ have the fields that API Gateway and streams send, and no
// others: encoding/json would silently ignore a misspelt field.
func TestEventFiles(t *testing.T) {
	t.Parallel()
	ids := map[string]string{}
	for _, name := range eventNames(t, "") {
		if function, _, _ := strings.Cut(name, "-"); function == api.Purge || function == api.History {
			readStreamEventStrictly(t, name)
			continue
		} else if function == api.Deliver {
			readQueueEventStrictly(t, name)
			continue
		}
		e := readEventStrictly(t, name)
		about := e.RequestContext
		if e.Version != "2.0" || e.RouteKey != about.RouteKey || e.RawPath != about.HTTP.Path || about.Stage != "$default" {
			t.Errorf("%s: got version %s, route key %s, path %s, stage %s, want them to agree", name, e.Version, e.RouteKey, e.RawPath, about.Stage)
		}
		if other, taken := ids[about.RequestID]; taken {
			t.Errorf("%s and %s have the same request id", name, other)
		}
		ids[about.RequestID] = name
		for header := range e.Headers {
			if header != strings.ToLower(header) {
				t.Errorf("%s: got header %s, want it in lower case", name, header)
			}
		}
	}
}

// readEventStrictly reads an event without unknown fields. For an event of the
// authorizer it returns the fields that all events have.
func readEventStrictly(t *testing.T, name string) (e event) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(eventText(t, name)))
	decoder.DisallowUnknownFields()
	if function, _, _ := strings.Cut(name, "-"); function != api.Authorizer {
		if err := decoder.Decode(&e); err != nil {
			t.Errorf("%s: got %v, want an event in payload format 2.0", name, err)
		}
		return e
	}
	var asked events.APIGatewayV2CustomAuthorizerV2Request
	if err := decoder.Decode(&asked); err != nil || asked.Type != "REQUEST" || asked.RouteArn == "" {
		t.Errorf("%s: got %+v, %v, want an authorizer's event in payload format 2.0", name, asked, err)
	}
	if want := []string{asked.Headers["authorization"]}; !slices.Equal(asked.IdentitySource, want) {
		t.Errorf("%s: got identity source %v, want the header Authorization", name, asked.IdentitySource)
	}
	return event{Version: asked.Version, RouteKey: asked.RouteKey, RawPath: asked.RawPath, Headers: asked.Headers, RequestContext: asked.RequestContext}
}

// readStreamEventStrictly reads an event of the table's stream without unknown
// fields.
func readStreamEventStrictly(t *testing.T, name string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(eventText(t, name)))
	decoder.DisallowUnknownFields()
	var e events.DynamoDBEvent
	if err := decoder.Decode(&e); err != nil || len(e.Records) == 0 {
		t.Errorf("%s: got %v, want an event of a DynamoDB stream", name, err)
	}
	for _, r := range e.Records {
		if c := r.Change; c.StreamViewType != "NEW_AND_OLD_IMAGES" || len(c.Keys) != 2 || c.SequenceNumber == "" || r.EventSource != "aws:dynamodb" {
			t.Errorf("%s: got record %+v, want a record of a stream with both images", name, r)
		}
	}
}

// readQueueEventStrictly reads an event of a queue without unknown fields.
func readQueueEventStrictly(t *testing.T, name string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(eventText(t, name)))
	decoder.DisallowUnknownFields()
	var e events.SQSEvent
	if err := decoder.Decode(&e); err != nil || len(e.Records) == 0 {
		t.Errorf("%s: got %v, want an event of an SQS queue", name, err)
	}
	for _, m := range e.Records {
		if m.EventSource != "aws:sqs" || m.MessageId == "" || m.ReceiptHandle == "" {
			t.Errorf("%s: got message %+v, want one of a queue", name, m)
		}
	}
}
