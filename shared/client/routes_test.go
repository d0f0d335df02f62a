package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A roundTripper is a transport that gets each request and a function that
// sends it.
type roundTripper func(*http.Request, func() (*http.Response, error)) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	return f(r, func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(r) })
}

func intercepted(target *apitest.Target, u *apitest.User, f roundTripper) *client.Client {
	return client.New(target.URL, u.AccessToken, client.WithHTTPClient(&http.Client{Transport: f}))
}

// Every route of the API has a method: all methods together reach all routes.
func TestEveryRouteHasAMethod(t *testing.T) {
	target, _ := apitest.Serve(t)
	reached := map[string]bool{}
	u := target.User(t, token.RoleUser)
	c, ctx := intercepted(target, u, func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		path := regexp.MustCompile(`/\d+`).ReplaceAllString(strings.TrimSuffix(r.URL.Path, "/"), "/{id}")
		reached[r.Method+" "+path] = true
		return send()
	}), t.Context()
	made, err := c.Create(ctx, wire.TokenInput{Name: new("app"), UnlimitedQuota: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	id, key, hold := made.ID, made.Key, new("hold-0123456789abcdefghijk")
	reserve := func() error {
		_, err := c.Reserve(ctx, key, wire.ReserveInput{VerifyInput: wire.VerifyInput{RequestID: hold, Quota: new(int64(1))}, TTLSeconds: new(int64(60))})
		return err
	}
	if _, err := target.Users.SetBudget(ctx, u.Name, &token.Budget{Units: 1_000}, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	hook, err := c.CreateWebhook(ctx, wire.WebhookInput{URL: new("http://127.0.0.1:1/")})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Webhooks":      errorOf(c.Webhooks(ctx)),
		"CreateWebhook": errorOf(c.CreateWebhook(ctx, wire.WebhookInput{URL: new("http://127.0.0.1:1/")})),
		"UpdateWebhook": errorOf(c.UpdateWebhook(ctx, hook.ID, wire.WebhookInput{Types: []string{"token.*"}})),
		"RotateWebhook": errorOf(c.RotateWebhook(ctx, hook.ID)),
		"TestWebhook":   errorOf(c.TestWebhook(ctx, hook.ID)),
		"Audit":         errorOf(c.Audit(ctx, id, client.AuditOptions{})),
		"SelfAudit":     errorOf(c.SelfAudit(ctx, client.AuditOptions{PageSize: 5})),
		"Groups":        errorOf(c.Groups(ctx)),
		"Models":        errorOf(c.Models(ctx)),
		"CreateAll":     errorOf(c.CreateAll(ctx, []wire.TokenInput{{Name: new("more")}})),
		"Get":           errorOf(c.Get(ctx, id)),
		"Key":           errorOf(c.Key(ctx, id)),
		"Keys":          errorOf(c.Keys(ctx, []int64{id})),
		"List":          errorOf(c.List(ctx, client.ListOptions{})),
		"Search":        errorOf(c.Search(ctx, client.SearchOptions{Keyword: "app"})),
		"Update":        errorOf(c.Update(ctx, id, wire.UpdateInput{TokenInput: wire.TokenInput{Group: new("g")}})),
		"SetStatus":     errorOf(c.SetStatus(ctx, id, token.Enabled)),
		"SetStatusAll":  errorOf(c.SetStatusAll(ctx, []int64{id}, token.Enabled)),
		"Verify":        errorOf(c.Verify(ctx, key, wire.VerifyInput{})),
		"Status":        errorOf(c.Status(ctx)),
		"Self":          errorOf(c.Self(ctx)),
		"Budget":        errorOf(c.Budget(ctx)),
		"Usage":         errorOf(c.Usage(ctx, key)),
		"History":       errorOf(c.History(ctx, id, client.HistoryOptions{By: "hour"})),
		"HistoryCSV":    errorOf(c.HistoryCSV(ctx, id, client.HistoryOptions{})),
		"SelfHistory":   errorOf(c.SelfHistory(ctx, client.HistoryOptions{By: "token"})),
		"SelfCSV":       selfCSV(ctx, c),
		"KeyHistory":    errorOf(c.KeyHistory(ctx, key, client.HistoryOptions{})),
		"FamilyData":    errorOf(c.FamilyData(ctx, 0, 0)),
		"FamilyLog":     errorOf(c.FamilyLog(ctx, 0, 0, client.ListOptions{Page: 1})),
		"Reserve":       reserve(),
		"Settle":        errorOf(c.Settle(ctx, key, *hold, 1)),
		"Rotate":        errorOf(c.Rotate(ctx, id, 60)),
		"Raise":         errorOf(c.Raise(ctx, id, wire.ExtraInput{Units: new(int64(0))})),
		"Revoke":        c.Revoke(ctx, key),
		"Delete":        c.Delete(ctx, id),
		"DeleteWebhook": c.DeleteWebhook(ctx, hook.ID),
		"DeleteAll":     errorOf(c.DeleteAll(ctx, []int64{2})),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Release(ctx, key, *hold); err == nil {
		t.Error("release of a deleted key's hold: got no error")
	}
	want := map[string]bool{}
	for _, route := range api.Routes() {
		want[route.Method+" "+route.Path] = true
	}
	if diff := cmp.Diff(want, reached); diff != "" {
		t.Errorf("routes that were reached (-want +got):\n%s", diff)
	}
}

func selfCSV(ctx context.Context, c *client.Client) error {
	csv, _, err := c.SelfHistoryCSV(ctx, client.HistoryOptions{By: "model"})
	if err == nil && !strings.HasPrefix(csv, "start,") {
		err = errors.New("no header row")
	}
	return err
}

func errorOf[T any](_ T, err error) error { return err }

// A create whose first answer is lost makes one token, and returns its key.
func TestCreateAfterLostAnswer(t *testing.T) {
	target, _ := apitest.Serve(t)
	u := target.User(t, token.RoleUser)
	var once sync.Once
	c := intercepted(target, u, func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		once.Do(func() {
			_ = answer.Body.Close()
			answer, err = nil, errors.New("connection reset")
		})
		return answer, err
	})
	made, err := c.Create(t.Context(), wire.TokenInput{Name: new("app"), UnlimitedQuota: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Verify(t.Context(), made.Key, wire.VerifyInput{}); err != nil || !v.Valid {
		t.Errorf("the key: got valid %t, %v", v.Valid, err)
	}
	if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != 1 {
		t.Errorf("got %d tokens, %v; want 1", page.Total, err)
	}
}

// The same call with the same idempotency key returns the first answer, also to
// another process.
func TestIdempotencyKey(t *testing.T) {
	target, _ := apitest.Serve(t)
	u := target.User(t, token.RoleUser)
	in := []wire.TokenInput{{Name: new("a")}, {Name: new("b")}}
	var keys [2]string
	for i := range keys { // a new client each time, as another process would have
		made, err := client.New(target.URL, u.AccessToken).CreateAll(t.Context(), in, client.IdempotencyKey("import-1"))
		if err != nil || len(made) != 2 {
			t.Fatalf("got %d tokens, %v", len(made), err)
		}
		keys[i] = made[0].Key
	}
	if keys[0] != keys[1] {
		t.Error("two answers with one idempotency key differ")
	}
	if page, err := u.List(t.Context(), client.ListOptions{}); err != nil || page.Total != 2 {
		t.Errorf("got %d tokens, %v; want 2", page.Total, err)
	}
}

// Every call that returns one token returns the ETag of that version.
func TestETag(t *testing.T) {
	target, _ := apitest.Serve(t)
	c, ctx := target.User(t, token.RoleUser).Client, t.Context()
	created, err := c.Create(ctx, wire.TokenInput{Name: new("app"), UnlimitedQuota: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	last := created.ETag
	for name, call := range map[string]func() (client.Token, error){
		"update": func() (client.Token, error) {
			return c.Update(ctx, created.ID, wire.UpdateInput{TokenInput: wire.TokenInput{Group: new("g")}})
		},
		"status": func() (client.Token, error) { return c.SetStatus(ctx, created.ID, wire.Disabled) },
		"rotate": func() (client.Token, error) { return c.Rotate(ctx, created.ID, 0) },
		"raise":  func() (client.Token, error) { return c.Raise(ctx, created.ID, wire.ExtraInput{Units: new(int64(0))}) },
	} {
		changed, err := call()
		if err != nil || changed.ETag == "" || changed.ETag == last {
			t.Errorf("%s: got ETag %s, %v, want another one than %s", name, changed.ETag, err, last)
		}
		if got, err := c.Get(ctx, created.ID); err != nil || got.ETag != changed.ETag {
			t.Errorf("%s: got ETag %s, a get afterwards %s, %v, want the same", name, changed.ETag, got.ETag, err)
		}
		last = changed.ETag
	}
}

// A call with the ETag of an older version changes nothing.
func TestIfMatch(t *testing.T) {
	target, _ := apitest.Serve(t)
	c, ctx := target.User(t, token.RoleUser).Client, t.Context()
	made, err := c.Create(ctx, wire.TokenInput{Name: new("app")})
	if err != nil {
		t.Fatal(err)
	}
	old := made.ETag
	if _, err := c.Update(ctx, made.ID, wire.UpdateInput{TokenInput: wire.TokenInput{Name: new("rival")}}, client.IfMatch(old)); err != nil {
		t.Fatalf("an update of the version that was read: %v", err)
	}
	for name, err := range map[string]error{
		"update":    errorOf(c.Update(ctx, made.ID, wire.UpdateInput{TokenInput: wire.TokenInput{Name: new("late")}}, client.IfMatch(old))),
		"add quota": errorOf(c.Update(ctx, made.ID, wire.UpdateInput{QuotaDelta: new(int64(1))}, client.IfMatch(old))),
		"status":    errorOf(c.SetStatus(ctx, made.ID, token.Disabled, client.IfMatch(old))),
		"delete":    c.Delete(ctx, made.ID, client.IfMatch(old)),
	} {
		if !errors.Is(err, wire.ErrVersionMismatch) {
			t.Errorf("%s: got error %v, want %v", name, err, wire.ErrVersionMismatch)
		}
	}
	got, err := c.Get(ctx, made.ID)
	if err != nil || got.Name != "rival" {
		t.Fatalf("got %q, %v", got.Name, err)
	}
	if err := c.Delete(ctx, made.ID, client.IfMatch(got.ETag)); err != nil {
		t.Errorf("a deletion of the version that was read: %v", err)
	}
}

// All and SearchAll read every page, stop when the caller stops, and report
// errors.
func TestAll(t *testing.T) {
	target, _ := apitest.Serve(t)
	c, ctx := target.User(t, token.RoleUser).Client, t.Context()
	const tokens = 150
	for first := 1; first <= tokens; first += token.MaxBatch {
		var in []wire.TokenInput
		for i := first; i < first+token.MaxBatch; i++ {
			in = append(in, wire.TokenInput{Name: new(fmt.Sprint("n", i%2))})
		}
		if _, err := c.CreateAll(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	var ids, odd, some []int64
	for t1, err := range c.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, t1.ID)
	}
	var below []int64
	searched := func(id int64) { below = append(below, id) }
	for t1, err := range c.SearchAll(ctx, client.SearchOptions{Keyword: "n0", Searched: searched}) {
		if err != nil || t1.ID%2 != 0 {
			t.Errorf("got %d, %v, want an even id", t1.ID, err)
		}
	}
	if len(below) != 1 || below[0] != 0 {
		t.Errorf("got progress %v, want one page and the end", below)
	}
	for t1, err := range c.SearchAll(ctx, client.SearchOptions{Keyword: "n1"}) {
		if err != nil {
			t.Fatal(err)
		}
		odd = append(odd, t1.ID)
	}
	for t1, err := range c.All(ctx) {
		if some = append(some, t1.ID); err != nil || len(some) == 3 {
			break
		}
	}
	if len(ids) != tokens || ids[0] != tokens || !slices.IsSortedFunc(ids, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("got %d tokens, want %d, newest first", len(ids), tokens)
	}
	if len(odd) != tokens/2 || len(some) != 3 {
		t.Errorf("got %d that match and %d until a break, want %d and 3", len(odd), len(some), tokens/2)
	}
	for _, err := range client.New(target.URL, "at-wrong").All(ctx) {
		if !errors.Is(err, wire.ErrUnauthorized) {
			t.Errorf("got error %v, want %v", err, wire.ErrUnauthorized)
		}
	}
}

// Key and Keys return the whole keys that a create answered with.
func TestKeysAreShownAgain(t *testing.T) {
	target, _ := apitest.Serve(t)
	c, ctx := client.New(target.URL, target.User(t, token.RoleUser).AccessToken), t.Context()
	made, err := c.Create(ctx, wire.TokenInput{Name: new("app")})
	if err != nil {
		t.Fatal(err)
	}
	if key, err := c.Key(ctx, made.ID); err != nil || key != made.Key {
		t.Errorf("Key: got error %v, want the key", err)
	}
	if keys, err := c.Keys(ctx, []int64{made.ID, 77}); err != nil || len(keys) != 1 || keys[made.ID] != made.Key {
		t.Errorf("Keys: got %d keys, %v, want that of the token that exists", len(keys), err)
	}
	if _, err := c.Keys(ctx, []int64{77}); !errors.Is(err, wire.ErrTokenNotFound) {
		t.Errorf("Keys of no token: got error %v, want %v", err, wire.ErrTokenNotFound)
	}
	if key, err := c.Key(ctx, 77); key != "" || !errors.Is(err, wire.ErrTokenNotFound) {
		t.Errorf("Key of no token: got %q, %v, want %v", key, err, wire.ErrTokenNotFound)
	}
}
