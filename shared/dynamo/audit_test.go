package dynamo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// audited is a table with a stream, and a tenant of it.
type audited struct {
	*dynamotest.Kit
	tenant   *dynamotest.Tenant
	operator *token.UserService
	stream   *stream.Reader
}

func newAudited(t *testing.T) *audited {
	t.Helper()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	tenant := kit.Tenant(t, "alice")
	operator := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	return &audited{kit, tenant, operator, stream.New(kit.Client, dynamotest.Table)}
}

// fold folds what is new in the stream.
func (a *audited) fold(t *testing.T) []dynamo.StreamRecord {
	t.Helper()
	records, err := a.stream.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := a.Store.Fold(t.Context(), records, time.Now().Unix())
	if err != nil || f.Done != len(records) || f.Unreadable != 0 {
		t.Fatalf("got %+v, %v", f, err)
	}
	return records
}

// trail returns the audit trail of a user or of a token, oldest first.
func (a *audited) trail(t *testing.T, userID, id int64) (all []history.Entry) {
	t.Helper()
	for before := ""; ; {
		page, next, err := a.Store.Audit(t.Context(), userID, id, before, 3)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page...); next == "" {
			slices.Reverse(all)
			return all
		}
		before = next
	}
}

// line writes an entry as a line of a test.
func line(e history.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d/%d by %s", e.Action, e.UserID, e.TokenID, e.By)
	if e.By == history.ByUser {
		fmt.Fprintf(&b, " slot %d v%d from %s", e.Slot, e.UserVersion, e.Address)
	}
	for _, c := range e.Changes {
		if c.Setting == "key" || strings.HasPrefix(c.Setting, "access_token") { // random, or with a time
			c.Before, c.After = nil, nil
		}
		fmt.Fprintf(&b, "; %s %s→%s", c.Setting, c.Before, c.After)
	}
	return b.String()
}

// TestAudit makes each kind of change once. The audit trail has each of them, with what
// was there before, and nothing for uses of the key and refused changes.
func TestAudit(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	ctx := token.WithOrigin(t.Context(), token.Origin{RequestID: "r1", Address: "192.0.2.7"})
	at, tenant := a.tenant.Access, a.tenant
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, key, err := tenant.Create(ctx, at, token.Settings{Name: new("app"), RemainQuota: new(int64(100))})
	must(err)
	check := func(want ...string) {
		t.Helper()
		a.fold(t)
		all := a.trail(t, 1, 1)
		got := make([]string, len(all))
		for i, e := range all {
			got[i] = line(e)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	want := []string{"token.created 1/1 by user slot 0 v1 from 192.0.2.7; key →; name →\"app\"; remain_quota →100"}
	add := func(what, changes string) {
		t.Helper()
		want = append(want, what+" 1/1 by user slot 0 v1 from 192.0.2.7"+changes)
		check(want...)
	}
	check(want...)
	v, err := gate.New(a.Store, gate.WithClock(tenant.Clock.Now)).Verify(ctx, key.Reveal(), quota.Question{Quota: 10})
	if must(err); !v.Valid() {
		t.Fatal(v)
	}
	_, err = tenant.Update(ctx, at, 1, token.Settings{Name: new("web"), QuotaDelta: new(int64(5)), Models: []string{"a", "b"}})
	must(err)
	add("token.updated", "; name \"app\"→\"web\"; remain_quota 90→95; models []→[\"a\",\"b\"]")
	_, err = tenant.Service.Update(ctx, at, 1, token.Settings{Name: new("no")}, token.Versions{7})
	if err == nil {
		t.Fatal("a wrong version was accepted")
	}
	_, err = tenant.SetStatus(ctx, at, 1, true)
	must(err)
	add("token.disabled", "; status 1→2")
	errs, err := tenant.SetStatusAll(ctx, at, []int64{1, 9}, false, nil)
	if must(err); errs[0] != nil || errs[1] == nil {
		t.Fatal(errs)
	}
	add("token.enabled", "; status 2→1")
	rotation, err := tenant.NewKeyRotation(ctx, at, 1, 60)
	must(err)
	_, err = tenant.Rotate(ctx, at, 1, rotation)
	must(err)
	add("token.rotated", fmt.Sprintf("; key →; previous_until 0→%d", dynamotest.Epoch+60))
	until := tenant.Clock.Now().Unix() + 1000
	_, err = tenant.Raise(ctx, at, 1, token.RaiseChange{Raise: token.Raise{Units: 7, Until: until}}, nil)
	must(err)
	add("token.raised", fmt.Sprintf("; extra null→{\"units\":7,\"until\":%d}", until)) // its end is long past for the engine
	must(tenant.Delete(ctx, at, 1))
	if err := tenant.Delete(ctx, at, 1); err == nil {
		t.Fatal("deleted twice")
	}
	add("token.deleted", "")
	if all := a.trail(t, 1, 1); all[6].Name != "web" || all[6].RequestID != "r1" {
		t.Errorf("got %+v", all[6])
	}
}

// TestAuditOfOperator makes each kind of change that a command makes.
func TestAuditOfOperator(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	ctx := token.WithOrigin(t.Context(), token.Origin{Command: "user change", Person: "ops"})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := a.operator.Create(ctx, "bob", token.RoleUser, 0)
	must(err)
	_, err = a.operator.SetLimits(ctx, "bob", func(l *token.Limits) { l.MaxTokens = 9 })
	must(err)
	_, err = a.operator.SetGroups(ctx, "bob", []string{"vip"})
	must(err)
	_, err = a.operator.RotateAccessToken(ctx, "bob", false, time.Hour)
	must(err)
	_, _, err = a.operator.SetPolicy(ctx, "bob", func(p *token.Policy) { p.RequireLimit = true })
	must(err)
	_, err = a.operator.SetBudget(ctx, "bob", &token.Budget{Units: 1000}, func(int64, int64) {})
	must(err)
	_, err = a.operator.ImportTokens(ctx, "bob", []token.ForeignToken{{
		Settings: token.Settings{Name: new("old"), RemainQuota: new(int64(5))}, Hash: [32]byte{1}, Mask: "sk-…", From: "litellm", UsedQuota: 3,
	}})
	must(err)
	_, err = a.operator.Disable(ctx, "bob", true, nil)
	must(err)
	_, err = a.operator.Disable(ctx, "bob", false, nil)
	must(err)
	_, err = a.operator.Enable(ctx, "bob", nil)
	must(err)
	_, err = a.Store.SetPriceFile(ctx, []byte(`{"models":{"a":{"input":"1"}}}`), 0)
	must(err)
	_, err = a.operator.Delete(ctx, "bob", nil)
	must(err)
	a.fold(t)
	want := []string{
		`budget.set 2/0 by operator; budget null→{"quota":1000}`,
		`policy.set 2/0 by operator; require_limit false→true`,
		`prices.set 0/0 by operator; revision →1; units_per_dollar →500000; models →1`,
		`token.imported 2/1 by operator; used_quota →3; key →; imported →"litellm"; name →"old"; remain_quota →5`,
		`user.access_tokens 2/0 by operator; access_token_1 →`,
		`user.created 2/0 by operator; name →"bob"; role →"user"; max_tokens →1000; creates_per_second →10; create_burst →20; changes_per_second →20; change_burst →200; access_token_0 →`,
		`user.deleted 2/0 by operator; disabled false→true; access_token_0 →; access_token_1 →`,
		`user.disabled 2/0 by operator; disabled false→true`,
		`user.enabled 2/0 by operator; disabled true→false; keys_stopped true→false`,
		`user.keys_stopped 2/0 by operator; keys_stopped false→true`,
		`user.updated 2/0 by operator; groups []→["vip"]`,
		`user.updated 2/0 by operator; max_tokens 1000→9`,
	}
	var got []string
	for _, e := range append(a.trail(t, 2, 0), a.trail(t, 0, 0)...) {
		if got = append(got, line(e)); e.Command != "user change" || e.Person != "ops" {
			t.Errorf("got %+v", e)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestAuditOfPurges has two tokens that TTL removes. One was deleted before, by a
// process that died in between; it has no second entry.
func TestAuditOfPurges(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	ctx := t.Context()
	at, tenant := a.tenant.Access, a.tenant
	expires := tenant.UnixNow() + 10
	for _, name := range []string{"a", "b"} {
		if _, _, err := tenant.Create(ctx, at, token.Settings{Name: &name, ExpiredTime: &expires}); err != nil {
			t.Fatal(err)
		}
	}
	onlyRevoke(t, a.Kit, tenant, 2)
	if n, err := a.Engine.Sweep(ctx); err != nil || n != 2 {
		t.Fatalf("got %d swept, %v, want 2", n, err)
	}
	a.fold(t)
	for id, want := range map[int64][]string{1: {"token.created", "token.purged"}, 2: {"token.created", "token.deleted"}} {
		var got []string
		for _, e := range a.trail(t, 1, id) {
			if got = append(got, e.Action); e.Action == history.TokenPurged && (e.By != history.ByService || e.Name != "a") {
				t.Errorf("got %+v", e)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("token %d: got %v, want %v", id, got, want)
		}
	}
}

// TestAuditOfDraws has a budget that a token draws from; only the budget is a change.
func TestAuditOfDraws(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	p := &purse{a.tenant, a.Kit, a.operator, "alice"}
	p.budget(t, &token.Budget{Units: 1_000_000})
	key := p.create(t, 1)[0]
	v, err := p.gate().Verify(t.Context(), key.Reveal(), quota.Question{Quota: 10})
	if err != nil || !v.Valid() {
		t.Fatal(v, err)
	}
	a.fold(t)
	var got []string
	for _, e := range a.trail(t, 1, 0) {
		got = append(got, e.Action)
	}
	slices.Sort(got)
	if want := []string{"budget.set", "token.created", "user.created"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
