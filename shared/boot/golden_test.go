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

var update = flag.Bool("update", false, "renew the golden files") //nolint:gochecknoglobals // flags are registered before any test runs

func goldenFile(event string) string { return filepath.Join("testdata", event+".golden.json") }

// compareGolden holds an answer against the golden file of its event.
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
		t.Fatalf("%v; make it with -update and read it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("answer to %s (-want +got):\n%s", event, diff)
	}
}

// readable writes an answer with its body, if it has one, as JSON instead of
// text, and with names in the place of keys, of times that are now, and of
// pages, so that these can change.
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
	if a.Body == nil { // an authorizer's, or the purge's
		return indented(t, json.RawMessage(answer))
	}
	if strings.HasPrefix(a.Headers["Etag"], "W/") { // pages alone have those
		a.Headers["Etag"], a.Headers["Content-Length"], a.Body = `W/"(version)"`, "(length)", json.RawMessage(`"(page)"`)
		return indented(t, a)
	}
	var body string
	if err := json.Unmarshal(a.Body, &body); err != nil {
		t.Fatal(err)
	}
	body = capture.Normalize(body)
	body = regexp.MustCompile(`(_time|expires_at|_until)":\d+`).ReplaceAllStringFunc(body, nameTime)
	a.Body = json.RawMessage(body)
	return indented(t, a)
}

// nameTime names the time of a field that is less than an hour from now, in
// minutes.
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

func TestEveryGoldenFileHasAnEvent(t *testing.T) {
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
			t.Errorf("got golden file %s, want an event of its name, or no file", file)
		}
	}
}

// TestEventsAreAsTheGatewaySendsThem reads the events strictly: a field that
// is misspelt there would be absent without a word.
func TestEventsAreAsTheGatewaySendsThem(t *testing.T) {
	t.Parallel()
	ids := map[string]string{}
	for _, name := range eventNames(t, "") {
		if function, _, _ := strings.Cut(name, "-"); function == api.Purge {
			strictlyOfAStream(t, name)
			continue
		}
		e := strictly(t, name)
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

// strictly reads an event, or of an authorizer's the part that all have.
func strictly(t *testing.T, name string) (e event) {
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

// strictlyOfAStream reads an event of the table's stream.
func strictlyOfAStream(t *testing.T, name string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(eventText(t, name)))
	decoder.DisallowUnknownFields()
	var e events.DynamoDBEvent
	if err := decoder.Decode(&e); err != nil || len(e.Records) == 0 {
		t.Errorf("%s: got %v, want an event of a DynamoDB stream", name, err)
	}
	for _, r := range e.Records {
		if c := r.Change; c.StreamViewType != "KEYS_ONLY" || len(c.Keys) != 2 || c.SequenceNumber == "" || r.EventSource != "aws:dynamodb" {
			t.Errorf("%s: got record %+v, want one of a stream of keys only", name, r)
		}
	}
}
