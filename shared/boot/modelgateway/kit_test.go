package modelgateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/boot/modelgateway"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const (
	upstreamKey = "upstream-secret"
	parameter   = "/latchkey/test/upstream-key"
	granted     = 10_000 // of every key

	chunk     = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}],\"usage\":null}\n\n"
	lastChunk = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21}}\n\ndata: [DONE]\n\n"
	completed = `{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}`
	hello     = `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hello"}]}`
)

// A fixture is the function with a table and a key.
type fixture struct {
	*lambdatest.Function
	engine *dynamotest.SlowEngine
	gate   *gate.Gate
	key    string
}

// start starts the function in front of an upstream. The key is allowed from the
// given addresses, or from everywhere.
func start(t *testing.T, upstream http.HandlerFunc, limits ...string) *fixture {
	t.Helper()
	return startBinary(t, binary(t), upstream, limits...)
}

func startBinary(t *testing.T, binary string, upstream http.HandlerFunc, limits ...string) *fixture {
	t.Helper()
	kit := dynamotest.New(t)
	u := httptest.NewServer(upstream)
	t.Cleanup(u.Close)
	engine := dynamotest.NewSlowEngine(t, kit.Endpoint)
	engine.Slow.Store(true)
	f := &fixture{
		Function: lambdatest.Start(t, binary, environment(engine.URL, u.URL, parameterStore(t))...),
		engine:   engine, gate: gate.New(dynamo.New(kit.Client, dynamotest.Table)),
	}
	tenant := kit.Tenant(t, "caller")
	_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a key"), RemainQuota: new(int64(granted)), AllowIPs: limits})
	if err != nil {
		t.Fatal(err)
	}
	f.key = key.Reveal()
	return f
}

// asFunction is the variable that makes this test's own binary the function. So it
// contains the code under test, also when cmd/mutants has changed that.
const asFunction = "TEST_AS_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) != "" {
		modelgateway.Run()
	}
	os.Exit(m.Run())
}

// binary returns this test's binary.
func binary(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func environment(engine, upstream, store string) []string {
	return []string{
		asFunction + "=yes",
		"TABLE_NAME=" + dynamotest.Table, "AWS_REGION=us-east-1", "DYNAMODB_ENDPOINT=" + engine,
		"UPSTREAM_URL=" + upstream, "UPSTREAM_KEY_PARAMETER=" + parameter, "SSM_ENDPOINT=" + store,
	}
}

// parameterStore returns the URL of an imitation of Parameter Store, which no local
// engine offers. It has the upstream's key, and gives it only decrypted.
func parameterStore(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Name           string
			WithDecryption bool
		}
		err := json.NewDecoder(r.Body).Decode(&in)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if err != nil || r.Header.Get("X-Amz-Target") != "AmazonSSM.GetParameter" || in.Name != parameter || !in.WithDecryption {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"ParameterNotFound"}`)
			return
		}
		_, _ = io.WriteString(w, `{"Parameter":{"Name":"`+parameter+`","Type":"SecureString","Value":"`+upstreamKey+`"}}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// event returns the event of a request for a chat completion. Changes apply to it.
func (f *fixture) event(t *testing.T, changes ...func(*events.LambdaFunctionURLRequest)) []byte {
	t.Helper()
	e := events.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: "/v1/chat/completions", Body: hello,
		Headers: map[string]string{
			"authorization": "Bearer " + f.key, "content-type": "application/json", "host": "abc.lambda-url.us-east-1.on.aws",
			"x-forwarded-for": "203.0.113.7",
		},
	}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = http.MethodPost, e.RawPath
	e.RequestContext.HTTP.SourceIP, e.RequestContext.DomainName = "203.0.113.7", e.Headers["host"]
	for _, change := range changes {
		change(&e)
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ask sends the event and returns the answer as soon as it begins.
func (f *fixture) ask(t *testing.T, changes ...func(*events.LambdaFunctionURLRequest)) *lambdatest.Stream {
	t.Helper()
	s, err := f.Stream(t.Context(), f.event(t, changes...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantChunk reads the first piece of an answer.
func wantChunk(t *testing.T, s *lambdatest.Stream) {
	t.Helper()
	got := make([]byte, len(chunk))
	if _, err := io.ReadFull(s.Body, got); err != nil || string(got) != chunk {
		t.Fatalf("got %q, %v, want %q", got, err, chunk)
	}
}

// wantRest reads an answer to its end.
func wantRest(t *testing.T, s *lambdatest.Stream, want string) {
	t.Helper()
	if got, err := io.ReadAll(s.Body); err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// usage returns what the key has used and what is held.
func (f *fixture) usage(t *testing.T) (used, held int64) {
	t.Helper()
	var u quota.Usage
	u, err := f.gate.Usage(t.Context(), f.key, quota.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return u.Used, u.Granted - u.Used - u.Available
}

// wantUsed checks at once, without waiting: the process is frozen when its answer
// has ended.
func (f *fixture) wantUsed(t *testing.T, want int64) {
	t.Helper()
	if used, held := f.usage(t); used != want || held != 0 {
		t.Errorf("got %d units used and %d held, want %d and none", used, held, want)
	}
}
