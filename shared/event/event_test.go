package event_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// The JSON of an event has the documented form, and is read back as it was.
func TestEventEncode(t *testing.T) {
	t.Parallel()
	e, err := event.New(3, "evt_1", event.TokenCreated, time.Date(2026, 11, 27, 10, 0, 0, 5e8, time.FixedZone("", 3600)), map[string]int64{"token_id": 7})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := e.Encode()
	const want = `{"id":"evt_1","type":"token.created","timestamp":"2026-11-27T09:00:00.5Z","data":{"token_id":7}}`
	if err != nil || string(raw) != want {
		t.Fatalf("got %s, %v, want %s", raw, err, want)
	}
	if again, err := event.Decode(raw); err != nil || again.UserID != 0 || cmp.Diff(e, again, cmpopts.IgnoreFields(event.Event{}, "UserID")) != "" {
		t.Errorf("decoded: got %v, %v", again, err)
	}
	if _, err := event.Decode([]byte("[]")); err == nil {
		t.Error("an array was decoded")
	}
}

// Whatever a name has, the JSON of an event and of a message with it has only characters
// that SQS accepts, and means the same.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
func TestEventCharacters(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= 0x1_FFFF; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		name := "a" + string(r) + "\\" + string(r)
		e, err := event.New(3, "evt_1", event.TokenCreated, time.Unix(1, 0), map[string]string{"name": name})
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(webhook.Message{UserID: 3, EndpointID: 1, Event: e})
		if err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(string(encoded)+string(body), refusedBySQS); i >= 0 {
			t.Errorf("%U: got %q and %q", r, encoded, body)
		}
		var message webhook.Message
		if err := json.Unmarshal(body, &message); err != nil {
			t.Fatal(err)
		}
		var data struct{ Name string }
		if err := json.Unmarshal(message.Event.Data, &data); err != nil || data.Name != name {
			t.Errorf("%U: got %q, %v", r, data.Name, err)
		}
	}
}

func refusedBySQS(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0xD800 && r < 0xE000 || r == 0xFFFE || r == 0xFFFF
}

// An event never contains a credential, and has an id that can be signed.
func TestEventRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		id   string
		data any
	}{
		"key":          {"evt_1", map[string]string{"key": credential.NewKey(1, 2).Reveal()}},
		"access_token": {"evt_1", map[string]string{"by": credential.NewAccessToken(1, 2).Reveal()}},
		"secret":       {"evt_1", map[string]string{"secret": webhook.NewSecret().Reveal()}},
		"id_with_stop": {"evt.1", map[string]string{}},
		"no_id":        {"", map[string]string{}},
		"array":        {"evt_1", []int{1}},
		"too_large":    {"evt_1", map[string]string{"name": strings.Repeat("x", event.MaxBytes)}},
		"not_json":     {"evt_1", func() {}},
	} {
		if e, err := event.New(3, tt.id, event.TokenCreated, time.Unix(1, 0), tt.data); err == nil {
			t.Errorf("%s: got %v, want an error", name, e)
		}
	}
}
