package gatewaytest_test

import (
	"crypto/md5" //nolint:gosec // SQS answers with it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/gatewaytest"
)

// An account answers as EventBridge, its Scheduler and SQS do, and keeps what it gets.
type account struct {
	url       string
	mu        sync.Mutex
	events    []string // the details
	queue     []string // the bodies of messages
	schedules []string // the paths of their names
	cancelled []string
}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/schedules/") {
		if r.Method == http.MethodDelete {
			a.cancelled = append(a.cancelled, r.URL.Path)
			_, _ = io.WriteString(w, `{}`)
			return
		}
		a.schedules = append(a.schedules, r.URL.Path)
		_, _ = io.WriteString(w, `{"ScheduleArn":"arn:aws:scheduler:us-east-1:1:schedule/latchkey-dev/timers"}`)
		return
	}
	var in struct {
		Entries []struct{ ID, Detail, MessageBody string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var results []string
	for _, e := range in.Entries {
		if e.Detail != "" {
			a.events = append(a.events, e.Detail)
			results = append(results, `{"EventId":"1"}`)
			continue
		}
		a.queue = append(a.queue, e.MessageBody)
		sum := md5.Sum([]byte(e.MessageBody)) //nolint:gosec // SQS answers with it
		results = append(results, fmt.Sprintf(`{"Id":%q,"MessageId":"1","MD5OfMessageBody":%q}`, e.ID, hex.EncodeToString(sum[:])))
	}
	list := "[" + strings.Join(results, ",") + "]"
	switch _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); operation {
	case "PutEvents":
		_, _ = io.WriteString(w, `{"FailedEntryCount":0,"Entries":`+list+`}`)
	case "SendMessageBatch":
		_, _ = io.WriteString(w, `{"Successful":`+list+`,"Failed":[]}`)
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

// publishChange sends the record of a new token to the function history, which publishes
// it to the bus and queues it for the user's webhook, and returns the message.
func publishChange(t *testing.T, p *gatewaytest.Process, c *caller, a *account) {
	t.Helper()
	u := c.tenant(t)
	u.prepare(t, u.access, "/api/user/self/webhooks", `{"url":"https://example.com/"}`)
	u.prepare(t, u.access, "/api/token", plain)
	item := c.remove(t, u.id)
	record := fmt.Sprintf(`{"Records":[{"eventName":"INSERT","eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:us-east-1:1:table/t/stream/2026-11-27T00:00:00.000",
		"dynamodb":{"SequenceNumber":"1","ApproximateCreationDateTime":%d,"Keys":{"pk":{"S":"T#%d#0"},"sk":{"N":"1"}},"NewImage":%s}}]}`, time.Now().Unix(), u.id, item)
	a.events, a.queue = nil, nil // without those of other records
	if answer, err := p.Invoke(t.Context(), []byte(record)); err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("got %s, %v, want no failure; the log is %s", answer, err, p.Stdout())
	}
	if len(a.events) != 1 || len(a.queue) != 1 || !strings.Contains(a.events[0], `"type":"token.created"`) || !strings.Contains(a.queue[0], a.events[0]) {
		t.Errorf("got the events %v and the messages %v, want the creation in both", a.events, a.queue)
	}
}

// deliverWebhook sends a message for a webhook whose host name does not exist. Its
// attempt fails and is recorded.
func deliverWebhook(t *testing.T, p *gatewaytest.Process, c *caller, a *account) {
	t.Helper()
	u := c.tenant(t)
	u.prepare(t, u.access, "/api/user/self/webhooks", `{"url":"https://latchkey.invalid/"}`)
	body := fmt.Sprintf(`{"user_id":%d,"endpoint_id":1,"event":{"id":"evt_1","type":"token.created","timestamp":"2026-11-27T12:00:00Z","data":{}}}`, u.id)
	message := jsonOf(t, map[string]any{"Records": []any{map[string]any{
		"messageId": "m-1", "receiptHandle": "r-1", "body": body, "attributes": map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": fmt.Sprint(time.Now().UnixMilli())},
	}}})
	if answer, err := p.Invoke(t.Context(), message); err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("got %s, %v, want no failure", answer, err)
	}
	if len(a.queue) != 1 || !strings.Contains(a.queue[0], `"retry":{"attempt":2,`) {
		t.Errorf("got the messages %v, want one for the second attempt", a.queue)
	}
}
