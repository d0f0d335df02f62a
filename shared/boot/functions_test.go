package boot_test

import (
	"bytes"
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

// eventNames are the files of events/ without .json. What stands before the
// first hyphen is the function.
func eventNames(t testing.TB, function string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dynamotest.Root(t), "events", function+"*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got no events of %s (%v), want some", function, err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return files
}

// eventText is an event as it is in its file.
func eventText(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dynamotest.Root(t), "events", name+".json")) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// readEvent is an event with credentials in their places.
func readEvent(t testing.TB, name string, s state) []byte {
	t.Helper()
	return s.admit(eventText(t, name))
}

// environment is what a function has on Lambda, but with a local engine.
func environment(kit *dynamotest.Kit) []string {
	return []string{"TABLE_NAME=" + dynamotest.Table, "AWS_REGION=us-east-1", "DYNAMODB_ENDPOINT=" + kit.Endpoint}
}

// TestFunctions builds the functions once, as the Makefile does, and runs
// them under a Runtime API.
func TestFunctions(t *testing.T) {
	built := lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, functionPackages)
	binaries, err := filepath.Glob(filepath.Join(built, "*"))
	if err != nil || len(binaries) == 0 {
		t.Fatalf("got no binaries (%v), want some", err)
	}
	for _, binary := range binaries {
		function := filepath.Base(binary)
		t.Run("answers/"+function, func(t *testing.T) { answersAsInGoldenFiles(t, binary) })
		t.Run("logs/"+function, func(t *testing.T) { logsOneJSONLineAnEvent(t, binary) })
		t.Run("wrong_environment/"+function, func(t *testing.T) { endsInWrongEnvironment(t, binary) })
	}
	list := filepath.Join(built, "list")
	t.Run("survives_what_is_no_event", func(t *testing.T) { survivesWhatIsNoEvent(t, list) })
	t.Run("logs_at_LOG_LEVEL", func(t *testing.T) { logsAtLogLevel(t, list) })
	t.Run("logs_in_JSON_that_Lambda_is_gone", func(t *testing.T) { logsInJSONThatLambdaIsGone(t, list) })
	create := filepath.Join(built, "create")
	t.Run("keeps_expired_tokens_for_RETENTION_DAYS", func(t *testing.T) { keepsExpiredTokensForRetentionDays(t, create) })
	t.Run("answers_without_database", func(t *testing.T) { answersWithoutDatabase(t, list) })
	authorizer := filepath.Join(built, api.Authorizer)
	t.Run("fails_where_it_cannot_judge", func(t *testing.T) { failsWhereItCannotJudge(t, authorizer) })
}

// answersAsInGoldenFiles sends each event to a fresh process with a fresh
// table.
func answersAsInGoldenFiles(t *testing.T, binary string) {
	for _, name := range eventNames(t, filepath.Base(binary)) {
		t.Run(name, func(t *testing.T) {
			kit := dynamotest.New(t)
			s := prepare(t, kit)
			f := lambdatest.Start(t, binary, environment(kit)...)
			answer, err := f.Invoke(t.Context(), readEvent(t, name, s))
			if err != nil {
				t.Fatalf("got error %v, want an answer", err)
			}
			checkAnswer(t, filepath.Base(binary), answer)
			compareGolden(t, name, answer)
		})
	}
}

// logsOneJSONLineAnEvent sends all events to one process and reads its whole
// output: no line but those of the protocol. That no credential is in it,
// Start sees to.
func logsOneJSONLineAnEvent(t *testing.T, binary string) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	f := lambdatest.Start(t, binary, append(environment(kit), "GO_API_HOST=::not a URL")...)
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
	lines := logLines(t, f)
	if len(lines) != len(ids) {
		t.Fatalf("got %d lines for %d events:\n%s", len(lines), len(ids), f.Stdout())
	}
	for i, line := range lines {
		if filepath.Base(binary) == api.Console && line.cost != (cost{}) {
			t.Errorf("got line %+v, want neither a user nor anything of a table in it", line)
		}
		if line.Msg != "request" || line.RequestID != ids[i] && (ids[i] != "" || line.RequestID == "") { // a stream's event has none
			t.Errorf("got line %d %+v, want that of request %s", i, line, ids[i])
		}
	}
	if err := f.Stderr(); len(err) > 0 {
		t.Errorf("got %q on stderr, want nothing", err)
	}
}

// checkAnswer fails the test unless an answer has its function's form.
func checkAnswer(t *testing.T, function string, answer []byte) {
	t.Helper()
	var a struct {
		IsAuthorized      *bool
		BatchItemFailures []any
	}
	switch function {
	case api.Authorizer:
		if err := json.Unmarshal(answer, &a); err != nil || a.IsAuthorized == nil {
			t.Errorf("got %s, want isAuthorized in it", answer)
		}
	case api.Purge:
		if err := json.Unmarshal(answer, &a); err != nil || a.BatchItemFailures == nil {
			t.Errorf("got %s, want batchItemFailures in it", answer)
		}
	case api.Console:
		checkPage(t, answer)
	default:
		checkEnvelope(t, answer)
	}
}

// checkPage fails the test unless an answer is a page, whole and in the form
// that it names, or a failure in the envelope.
func checkPage(t *testing.T, answer []byte) {
	t.Helper()
	var a events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(answer, &a); err != nil || a.StatusCode >= http.StatusBadRequest {
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
	cost
}

// A cost is whom a request was for, and what it asked of the table.
type cost struct {
	UserID     int64   `json:"user_id"`
	ReadUnits  float64 `json:"read_units"`
	WriteUnits float64 `json:"write_units"`
	RoundTrips int     `json:"round_trips"`
}

// logLines reads a stopped function's stdout; each line must be JSON.
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

func endsInWrongEnvironment(t *testing.T, binary string) {
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

func survivesWhatIsNoEvent(t *testing.T, binary string) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	f := lambdatest.Start(t, binary, environment(kit)...)
	for _, tt := range notEvents() {
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
		t.Fatalf("got error %v, want the process to live on", err)
	}
	if got := checkEnvelope(t, answer).StatusCode; got != http.StatusOK {
		t.Errorf("got %d, want 200 from the next event", got)
	}
	f.Stop()
	if got, want := len(logLines(t, f)), len(notEvents())+1; got != want {
		t.Errorf("got %d log lines, want %d:\n%s", got, want, f.Stdout())
	}
}

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
