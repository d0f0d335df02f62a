package api_test

import (
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// TestAuditPages changes a token and the user over HTTP and by a command, folds the
// stream, and reads both trails page by page. Another user sees nothing of it.
func TestAuditPages(t *testing.T) {
	t.Parallel()
	target, kit := apitest.Serve(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	u, other := target.User(t, token.RoleUser), target.User(t, token.RoleUser)
	made, err := u.Create(t.Context(), wire.TokenInput{Name: new("app"), UnlimitedQuota: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Update(t.Context(), made.ID, wire.UpdateInput{TokenInput: wire.TokenInput{Name: new("web")}}); err != nil {
		t.Fatal(err)
	}
	command := token.WithOrigin(t.Context(), token.Origin{Command: "user limits", Person: "ops"})
	if _, err := target.Users.SetLimits(command, u.Name, func(l *token.Limits) { l.MaxTokens = 77 }); err != nil {
		t.Fatal(err)
	}
	if page, err := u.Audit(t.Context(), made.ID, client.AuditOptions{}); err != nil || page.BehindSeconds != nil || page.MeasuredAt != 0 {
		t.Errorf("before anything was folded: got %+v, %v, want no measurement", page, err)
	}
	records, err := stream.New(kit.Client, dynamotest.Table).Next(t.Context())
	if err == nil {
		_, err = kit.Store.Fold(t.Context(), records, time.Now().Unix())
	}
	if err != nil {
		t.Fatal(err)
	}
	page, err := u.Audit(t.Context(), made.ID, client.AuditOptions{PageSize: 1})
	if err != nil || len(page.Items) != 1 || page.Next == "" {
		t.Fatalf("got %+v, %v", page, err)
	}
	if page.BehindSeconds == nil || *page.BehindSeconds < 0 || time.Since(time.Unix(page.MeasuredAt, 0)).Abs() > time.Minute {
		t.Errorf("got behind %v at %d, want how far it was behind just now", page.BehindSeconds, page.MeasuredAt)
	}
	e := page.Items[0]
	if e.Action != "token.updated" || e.By != "user" || *e.AccessToken != 0 || e.Address != "127.0.0.1" || e.RequestID == "" || len(e.Changes) != 1 ||
		string(e.Changes[0].Before) != `"app"` || string(e.Changes[0].After) != `"web"` || time.Since(time.UnixMilli(e.Time)).Abs() > time.Minute {
		t.Errorf("got %+v", e)
	}
	page, err = u.Audit(t.Context(), made.ID, client.AuditOptions{After: page.Next})
	if err != nil || len(page.Items) != 1 || page.Items[0].Action != "token.created" || page.Next != "" {
		t.Errorf("got %+v, %v", page, err)
	}
	all := map[string]wire.AuditEntry{}
	for o := (client.AuditOptions{PageSize: 2}); ; o.After = page.Next {
		if page, err = u.SelfAudit(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			all[e.Action+e.Command] = e
		}
		if page.Next == "" {
			break
		}
	}
	if e := all["user.updateduser limits"]; len(all) < 3 || e.Command != "user limits" || e.By != "operator" || string(e.Changes[0].After) != "77" {
		t.Errorf("got %+v", all)
	}
	if page, err := other.Audit(t.Context(), made.ID, client.AuditOptions{}); err != nil || len(page.Items) != 0 {
		t.Errorf("another user: got %+v, %v", page, err)
	}
}
