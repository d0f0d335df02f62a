package boot_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
)

const functionPackages = "./functions/..."

// eventNames returns the names of the files in events/ that begin with function,
// without .json. The part before the first hyphen is the name of the function.
func eventNames(t testing.TB, function string) []string {
	t.Helper()
	pattern := function + "[\\-.]*"
	if function == "" {
		pattern = "*"
	}
	files, err := filepath.Glob(filepath.Join(dynamotest.Root(t), "events", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("got no events of %s (%v), want at least one", function, err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return files
}

// eventText returns the text of an event's file.
func eventText(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dynamotest.Root(t), "events", name+".json")) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// readEvent returns an event with its placeholders replaced by credentials.
func readEvent(t testing.TB, name string, s state) []byte {
	t.Helper()
	return s.withCredentials(eventText(t, name))
}

// environment returns the variables of a function that uses a local engine.
func environment(kit *dynamotest.Kit) []string {
	return []string{"TABLE_NAME=" + dynamotest.Table, "AWS_REGION=us-east-1", "DYNAMODB_ENDPOINT=" + kit.Endpoint}
}

// The functions, built as the Makefile builds them and run under a Runtime API,
// answer, log and fail as documented.
func TestFunctions(t *testing.T) {
	built := lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, functionPackages)
	binaries, err := filepath.Glob(filepath.Join(built, "*"))
	if err != nil || len(binaries) == 0 {
		t.Fatalf("got no binaries (%v), want at least one", err)
	}
	for _, binary := range binaries {
		if filepath.Base(binary) == api.ModelGateway {
			continue // answers with streams; package modelgateway tests it
		}
		t.Run(filepath.Base(binary), func(t *testing.T) {
			answersAsInGoldenFiles(t, binary)
			t.Run("log", func(t *testing.T) { logsOneLinePerEvent(t, binary) })
			t.Run("wrong_environment", func(t *testing.T) { exitsInWrongEnvironment(t, binary) })
		})
	}
	list := filepath.Join(built, "list")
	t.Run("foreign_payloads", func(t *testing.T) { answersForeignPayloads(t, list) })
	t.Run("connection", func(t *testing.T) { connectsBeforeTheFirstEvent(t, filepath.Join(built, "get")) })
	t.Run("log_level", func(t *testing.T) { logsAtLogLevel(t, list) })
	t.Run("runtime_unreachable", func(t *testing.T) { logsJSONWithoutRuntime(t, list) })
	create := filepath.Join(built, "create")
	t.Run("retention_days", func(t *testing.T) { keepsExpiredTokens(t, create) })
	t.Run("database_unreachable", func(t *testing.T) { answersWithoutDatabase(t, list) })
	authorizer := filepath.Join(built, api.Authorizer)
	t.Run("authorizer_fails", func(t *testing.T) { authorizerFails(t, authorizer) })
}

// answersAsInGoldenFiles sends each event of a function to a new process with a
// new table, and compares the answer with the golden file.
func answersAsInGoldenFiles(t *testing.T, binary string) {
	function := filepath.Base(binary)
	for _, name := range eventNames(t, function) {
		test := cmp.Or(strings.TrimPrefix(strings.TrimPrefix(name, function), "-"), "basic")
		t.Run(test, func(t *testing.T) {
			kit := dynamotest.New(t)
			s := prepare(t, kit)
			f := lambdatest.Start(t, binary, environment(kit)...)
			answer, err := f.Invoke(t.Context(), readEvent(t, name, s))
			if err != nil {
				t.Fatalf("got error %v, want an answer", err)
			}
			checkAnswer(t, function, answer)
			compareGolden(t, name, answer)
		})
	}
}

// logsOneLinePerEvent sends all events of a function to one process and checks
// that its output is one line of JSON per event and nothing else. Start checks
// that the output has no credential.
func logsOneLinePerEvent(t *testing.T, binary string) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	f := lambdatest.Start(t, binary, append(environment(kit), "METRICS=prod", "AWS_LAMBDA_FUNCTION_NAME=prod-a", "AWS_LAMBDA_FUNCTION_VERSION=7")...)
	var ids []string
	for _, name := range eventNames(t, filepath.Base(binary)) {
		answer, err := f.Invoke(t.Context(), readEvent(t, name, s))
		if err != nil {
			t.Fatalf("%s: got error %v, want an answer", name, err)
		}
		checkAnswer(t, filepath.Base(binary), answer)
		var e event
		if err := json.Unmarshal(eventText(t, name), &e); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.RequestContext.RequestID)
	}
	f.Stop()
	checkDocumented(t, f.Stdout())
	lines := logLines(t, f)
	if len(lines) != len(ids) {
		t.Fatalf("got %d lines for %d events:\n%s", len(lines), len(ids), f.Stdout())
	}
	for i, line := range lines {
		if filepath.Base(binary) == api.Console && line.cost != (cost{}) {
			t.Errorf("got line %+v, want no user and no cost", line)
		}
		if line.Msg != "request" || line.RequestID != ids[i] && (ids[i] != "" || line.RequestID == "") { // the event of a stream has no request id, so the line has Lambda's
			t.Errorf("got line %d %+v, want the line of request %s", i, line, ids[i])
		}
		if line.ColdStart != (i == 0) || line.Version != "7" {
			t.Errorf("got line %d %+v, want version 7, and a cold start of the first line only", i, line)
		}
		checkSeries(t, line)
	}
	if err := f.Stderr(); len(err) > 0 {
		t.Errorf("got %q on stderr, want nothing", err)
	}
}

// checkAnswer fails the test unless an answer has the form that its function
// returns.
func checkAnswer(t *testing.T, function string, answer []byte) {
	t.Helper()
	var a struct {
		IsAuthorized      *bool
		BatchItemFailures []any
	}
	switch function {
	case api.Authorizer:
		if err := json.Unmarshal(answer, &a); err != nil || a.IsAuthorized == nil {
			t.Errorf("got %s, want the field isAuthorized", answer)
		}
	case api.Purge, api.History, api.Deliver:
		if err := json.Unmarshal(answer, &a); err != nil || a.BatchItemFailures == nil {
			t.Errorf("got %s, want the field batchItemFailures", answer)
		}
	case api.Console:
		checkPage(t, answer)
	default:
		checkEnvelope(t, answer)
	}
}

// checkPage fails the test unless an answer is a complete page in the encoding
// that its headers name, or a failure in the API's envelope.
func checkPage(t *testing.T, answer []byte) {
	t.Helper()
	var a events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(answer, &a); err != nil || a.StatusCode >= http.StatusMultipleChoices {
		checkEnvelope(t, answer)
		return
	}
	body, err := []byte(a.Body), error(nil)
	if a.IsBase64Encoded {
		body, err = base64.StdEncoding.DecodeString(a.Body)
	}
	_, notGzip := gzip.NewReader(bytes.NewReader(body))
	packed := a.Headers["Content-Encoding"] == "gzip"
	if err != nil || a.StatusCode != http.StatusOK || packed != (notGzip == nil) || a.Headers["Content-Length"] != strconv.Itoa(len(body)) {
		t.Errorf("got %d %v with %d bytes (%v), want a page", a.StatusCode, a.Headers, len(body), err)
	}
}

type logLine struct {
	Msg       string `json:"msg"`
	Level     string `json:"level"`
	Status    int    `json:"status"`
	RequestID string `json:"request_id"`
	ColdStart bool   `json:"cold_start"`
	Version   string `json:"version"`
	series
	cost
}

// A cost is the user of a request and what the request used of the table.
type cost struct {
	UserID     int64   `json:"user_id"`
	ReadUnits  float64 `json:"read_units"`
	WriteUnits float64 `json:"write_units"`
	RoundTrips int     `json:"round_trips"`
}

// logLines returns the lines that a stopped function wrote to stdout. It fails
// the test if one is not JSON.
func logLines(t *testing.T, f *lambdatest.Function) (lines []logLine) {
	t.Helper()
	for text := range bytes.Lines(f.Stdout()) {
		var line logLine
		if err := json.Unmarshal(text, &line); err != nil {
			t.Errorf("got line %q, want JSON", text)
		}
		lines = append(lines, line)
	}
	return lines
}

// exitsInWrongEnvironment checks that a function names each wrong variable on
// stderr and exits.
func exitsInWrongEnvironment(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary, "AWS_REGION=us-east-1", "DYNAMODB_ENDPOINT=http://127.0.0.1:9", "RETENTION_DAYS=soon")
	got, err := f.ExitCode(t.Context())
	if err != nil || got != 1 {
		t.Errorf("got exit code %d, %v, want 1", got, err)
	}
	stderr := string(f.Stderr())
	for _, want := range []string{"TABLE_NAME is not set: set it to", "RETENTION_DAYS is not a number of days: set it to"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("got %q on stderr, want %q", stderr, want)
		}
	}
	if out := f.Stdout(); len(out) > 0 {
		t.Errorf("got %q on stdout, want nothing", out)
	}
}

// answersForeignPayloads checks that a function answers payloads that are not
// events of API Gateway, logs each, and then answers the next event.
func answersForeignPayloads(t *testing.T, binary string) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	f := lambdatest.Start(t, binary, environment(kit)...)
	for _, tt := range foreignPayloads() {
		answer, err := f.Invoke(t.Context(), []byte(tt.payload))
		if err != nil {
			t.Fatalf("%q: got error %v, want an answer", tt.payload, err)
		}
		if got := checkEnvelope(t, answer).StatusCode; got != tt.want {
			t.Errorf("%q: got %d, want %d", tt.payload, got, tt.want)
		}
	}
	answer, err := f.Invoke(t.Context(), readEvent(t, "list", s))
	if err != nil {
		t.Fatalf("got error %v, want an answer after the foreign payloads", err)
	}
	if got := checkEnvelope(t, answer).StatusCode; got != http.StatusOK {
		t.Errorf("got %d, want 200 from the next event", got)
	}
	f.Stop()
	if got, want := len(logLines(t, f)), len(foreignPayloads())+1; got != want {
		t.Errorf("got %d log lines, want %d:\n%s", got, want, f.Stdout())
	}
}

// answersWithoutDatabase checks that a function answers 503 if DynamoDB does not
// answer.
func answersWithoutDatabase(t *testing.T, binary string) {
	f := lambdatest.Start(t, binary, "TABLE_NAME=none", "DYNAMODB_ENDPOINT=http://127.0.0.1:9")
	answer, err := f.Invoke(t.Context(), readEvent(t, "list", state{at: credential.NewAccessToken(1, 0)}))
	if err != nil {
		t.Fatalf("got error %v, want an answer", err)
	}
	if got := checkEnvelope(t, answer); got.StatusCode != http.StatusServiceUnavailable || got.Headers["Retry-After"] == "" {
		t.Errorf("got %d %v, want 503 with Retry-After", got.StatusCode, got.Headers)
	}
}
