package gatewaytest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/gatewaytest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// authorizeKeys sends the events of an authorizer.
func authorizeKeys(t *testing.T, p *gatewaytest.Process, c *caller) {
	keys := c.spenders(t)
	empty := c.beside(t)
	c.prepare(t, empty, "/api/token/verify", fmt.Sprintf(`{"quota":%d}`, budget-block))
	for _, key := range append(keys, empty) {
		e := events.APIGatewayV2CustomAuthorizerV2Request{Version: "2.0", Type: "REQUEST", Headers: map[string]string{"authorization": "Bearer " + key}}
		e.RequestContext.HTTP.SourceIP = "203.0.113.7"
		answer, err := p.Invoke(t.Context(), jsonOf(t, e))
		if err != nil || string(answer)[:20] != `{"isAuthorized":true` {
			t.Errorf("got %s, %v, want it admitted", answer, err)
		}
	}
}

// purgeToken sends the records of tokens that TTL has removed: of one with a block, of
// one whose removal was counted before, and of one with a foreign key.
func purgeToken(t *testing.T, p *gatewaytest.Process, c *caller) {
	for _, counted := range []bool{false, true} {
		u := c.restricted(t)
		made := u.prepare(t, u.access, "/api/token", plain).Data
		u.prepare(t, made.Key, "/api/token/verify", `{"quota":1}`)
		removed := c.remove(t, u.id)
		if counted {
			if _, err := c.users.Reconcile(t.Context(), u.name, false); err != nil {
				t.Fatal(err)
			}
		}
		sendRemoval(t, p, u.id, removed)
		if _, h, err := c.users.Holdings(t.Context(), u.name); err != nil || h.Left != budget-1 {
			t.Errorf("counted before: %t: got %d units in the wallet, %v, want the token's block back but for one", counted, h.Left, err)
		}
	}
	importer := c.tenant(t)
	importer.imported(t)
	sendRemoval(t, p, importer.id, c.remove(t, importer.id))
}

// foldCharge sends the record of a charge twice.
func foldCharge(t *testing.T, p *gatewaytest.Process) {
	t.Helper()
	record, err := os.ReadFile("../../events/history.json")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if answer, err := p.Invoke(t.Context(), record); err != nil || string(answer) != `{"batchItemFailures":[]}` {
			t.Errorf("got %s, %v, want no failure", answer, err)
		}
	}
}

// fileTimers sends the record of a token whose notice of seven days is late, and that
// of one day is not. Then it has a bucket checked.
func fileTimers(t *testing.T, p *gatewaytest.Process, a *account) {
	t.Helper()
	now := time.Now().Unix()
	record := fmt.Sprintf(`{"Records":[{"eventName":"MODIFY","eventSource":"aws:dynamodb","dynamodb":{"ApproximateCreationDateTime":%d,"SequenceNumber":"1",
		"Keys":{"pk":{"S":"T#1#0"},"sk":{"N":"1"}},"OldImage":{"name":{"S":"a"}},"NewImage":{"name":{"S":"a"},"expires":{"N":"%d"}}}}]}`, now-86_400, now+6*86_400+3600)
	for payload, want := range map[string]string{record: `{"batchItemFailures":[]}`, fmt.Sprintf(`{"bucket":%d}`, now/300): "{}"} {
		if answer, err := p.Invoke(t.Context(), []byte(payload)); err != nil || string(answer) != want {
			t.Errorf("%s: got %s, %v, want %s; the log is %s", payload, answer, err, want, p.Stdout())
		}
	}
	// Each of the two timers has two checks. The check of the bucket schedules the next
	// one, and cancels it and the second one.
	next, second := fmt.Sprintf("/schedules/timers-%d-1", now/300), fmt.Sprintf("/schedules/timers-%d-2000", now/300)
	if len(a.schedules) != 5 || !slices.Contains(a.schedules, next) || !slices.Equal(a.cancelled, []string{next, second}) {
		t.Errorf("got the schedules %v and cancelled %v, want two of the day before, two of the expiry, and %s; cancelled this and %s", a.schedules, a.cancelled, next, second)
	}
}

// sendRemoval sends the record of a user's first token twice.
func sendRemoval(t *testing.T, p *gatewaytest.Process, userID int64, removed json.RawMessage) {
	t.Helper()
	record := fmt.Sprintf(`{"Records":[{"eventName":"REMOVE","eventSource":"aws:dynamodb","userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},
		"dynamodb":{"SequenceNumber":"1","Keys":{"pk":{"S":"T#%d#0"},"sk":{"N":"1"}},"OldImage":%s}}]}`, userID, removed)
	for range 2 {
		if answer, err := p.Invoke(t.Context(), []byte(record)); err != nil || string(answer) != `{"batchItemFailures":[]}` {
			t.Errorf("got %s, %v, want no failure", answer, err)
		}
	}
}

// remove removes the user's first token as TTL does, and returns its item in the
// form in which streams have it.
func (c *caller) remove(t *testing.T, userID int64) json.RawMessage {
	t.Helper()
	var raw bytes.Buffer
	client := dynamotest.Client(c.kit.Endpoint, func(o *dynamodb.Options) { o.HTTPClient = copier{o.HTTPClient, &raw} })
	_, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(dynamotest.Table), ReturnValues: types.ReturnValueAllOld,
		Key: dynamo.Item{"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("T#%d#0", userID)}, "sk": &types.AttributeValueMemberN{Value: "1"}},
	})
	var out struct{ Attributes json.RawMessage }
	if err != nil || json.Unmarshal(raw.Bytes(), &out) != nil || len(out.Attributes) == 0 {
		t.Fatalf("got %s, %v, want the item", raw.Bytes(), err)
	}
	return out.Attributes
}

// A copier copies the bodies of responses.
type copier struct {
	next dynamodb.HTTPClient
	to   io.Writer
}

func (c copier) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.next.Do(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(resp.Body, c.to), resp.Body}
	}
	return resp, err
}

// newUpstream returns the URL of a model API.
func newUpstream(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// completeChats sends requests for the list of models and for chat completions.
func completeChats(t *testing.T, p *gatewaytest.Process, c *caller) {
	keys := c.spenders(t)
	empty := c.beside(t)
	c.prepare(t, empty, "/api/token/verify", fmt.Sprintf(`{"quota":%d}`, budget-block))
	for _, key := range append(keys, empty) {
		forward(t, p, key, http.MethodGet, "/v1/models", "")
		forward(t, p, key, http.MethodPost, "/v1/chat/completions", `{"model":"m","max_tokens":20,"messages":[{"role":"user","content":"Hello"}]}`)
	}
}

// forward sends a request to the function URL of the model gateway.
func forward(t *testing.T, p *gatewaytest.Process, key, method, path, body string) {
	t.Helper()
	e := events.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: path, Body: body,
		Headers: map[string]string{"authorization": "Bearer " + key, "content-type": "application/json", "host": "a.lambda-url.us-east-1.on.aws"},
	}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path, e.RequestContext.HTTP.SourceIP = method, path, "203.0.113.7"
	s, err := p.Stream(t.Context(), jsonOf(t, e))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(s.Body); err != nil || s.Status != http.StatusOK {
		t.Errorf("%s: got %d %s, %v, want the answer of the model API", path, s.Status, text, err)
	}
	if err := s.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func jsonOf(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
