package dynamo_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// A hookWitness knows what audit trails have to say about webhooks. It looks at what is
// stored before and after each call.
type hookWitness struct {
	last map[token.Address]webhook.Endpoint
	want []string
}

// look notes what has changed since the last look, by the request or by the service.
func (w *hookWitness) look(t *testing.T, store *dynamo.Store, request string, users ...int64) {
	t.Helper()
	now := map[token.Address]webhook.Endpoint{}
	for _, uid := range users {
		all, unread, err := store.EndpointsOf(t.Context(), uid)
		if err != nil || unread != nil {
			t.Fatal(err, unread)
		}
		for _, e := range all {
			at := token.Address{UserID: uid, ID: e.ID}
			now[at] = e
			if was := w.last[at]; actionBetween(was, e) != "" {
				w.add(at, was, e, request)
			}
		}
	}
	for at, was := range w.last {
		if _, there := now[at]; !there {
			w.add(at, was, webhook.Endpoint{}, request)
		}
	}
	w.last = now
}

func (w *hookWitness) add(at token.Address, was, now webhook.Endpoint, request string) {
	if by := now.Disabled; by != was.Disabled && by != "" && by != webhook.ByUser {
		request = "" // by the service
	}
	what := fmt.Sprintf("%s %s %q", subject(at), actionBetween(was, now), request)
	if was.URL != now.URL {
		what += fmt.Sprintf(" url %s→%s", quoted(was.URL), quoted(now.URL))
	}
	w.want = append(w.want, what)
}

func quoted(url string) string {
	if url == "" {
		return ""
	}
	return fmt.Sprintf("%q", url)
}

// actionBetween returns the action of one change, or "" if there was none.
func actionBetween(was, now webhook.Endpoint) string {
	switch {
	case was.ID == 0:
		return history.WebhookCreated
	case now.ID == 0:
		return history.WebhookDeleted
	case was.Secret.Reveal() != now.Secret.Reveal():
		return history.WebhookRotated
	case was.URL != now.URL || !slices.Equal(was.Types, now.Types):
		return history.WebhookUpdated
	case was.Disabled == now.Disabled:
		return ""
	case was.Disabled == "":
		return history.WebhookDisabled
	case now.Disabled == "":
		return history.WebhookEnabled
	default:
		return history.WebhookUpdated // for another reason
	}
}

// check compares what was noted with audit trails.
func (w *hookWitness) check(t *testing.T, entries []history.Entry) {
	t.Helper()
	var got []string
	for _, e := range entries {
		if e.WebhookID == 0 {
			continue
		}
		what := fmt.Sprintf("%s %s %q", subject(token.Address{UserID: e.UserID, ID: e.WebhookID}), e.Action, e.RequestID)
		for _, c := range e.Changes {
			if c.Setting == "url" {
				what += fmt.Sprintf(" url %s→%s", c.Before, c.After)
			}
		}
		got = append(got, what)
		if want := map[bool]history.Kind{true: history.ByService, false: history.ByUser}[e.RequestID == ""]; e.By != want {
			t.Errorf("got %+v, want it by %s", e, want)
		}
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(w.want))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes of webhooks (-want +got):\n%s", diff)
	}
}

// act changes a webhook of a user in a random way, creates one, or records an attempt,
// which is no change. Calls may fail.
func (w *hookWitness) act(ctx context.Context, random *rand.Rand, store *dynamo.Store, at credential.AccessToken, now time.Time) {
	hooks := &webhook.Service{Store: store, Now: func() time.Time { return now }}
	var ids []int64
	for address := range w.last {
		if address.UserID == at.UserID {
			ids = append(ids, address.ID)
		}
	}
	slices.Sort(ids)
	if len(ids) == 0 || random.IntN(6) == 0 {
		_, _ = hooks.Create(ctx, at, webhook.Settings{URL: new(hookURL), Disabled: new(random.IntN(4) == 0)}, webhook.NewSecret())
		return
	}
	id := ids[random.IntN(len(ids))]
	e := w.last[token.Address{UserID: at.UserID, ID: id}]
	switch random.IntN(7) {
	case 0:
		_, _ = hooks.Update(ctx, at, id, webhook.Settings{URL: new(fmt.Sprint(hookURL, "/", random.IntN(3)))})
	case 1:
		_, _ = hooks.Update(ctx, at, id, webhook.Settings{Types: new([][]string{{"token.*"}, {"token.created"}, {}}[random.IntN(3)])})
	case 2:
		_, _ = hooks.Update(ctx, at, id, webhook.Settings{Disabled: new(random.IntN(2) == 0)})
	case 3:
		_, _ = hooks.Rotate(ctx, at, id, webhook.NewSecret())
	case 4:
		_ = store.DisableEndpoint(ctx, e, webhook.Gone, now)
	case 5:
		_, _ = store.RecordAttempt(ctx, e, webhook.Attempt{Time: now.Unix(), Failure: []webhook.Failure{"", webhook.FailGone}[random.IntN(2)]})
	default:
		_ = hooks.Delete(ctx, at, id)
	}
}
