package dynamo_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/narrow"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// A restoreCase is one change of a live table after its backup.
type restoreCase struct {
	kind   narrow.Kind // of the difference that it makes
	change func(*liveTable, context.Context) error
	before func(*liveTable, context.Context) error // made before the backup, if not nil
	always bool                                    // the restored table gets the change also if the operator skips its kind
}

// firstKey is the key of the token that the cases change.
func (l *liveTable) firstKey() credential.Key { return l.keys[0] }

func updating(s token.Settings) func(*liveTable, context.Context) error {
	return func(l *liveTable, ctx context.Context) error {
		_, err := l.service.Update(ctx, l.access[0], 1, s, nil)
		return err
	}
}

func spending(units int64) func(*liveTable, context.Context) error {
	return func(l *liveTable, ctx context.Context) error {
		o := quota.OperationAt(quota.KindSpend, l.clock.Now())
		o.Quota, o.Model = units, "gpt-5"
		_, err := l.store.Do(ctx, l.firstKey(), o)
		return err
	}
}

func budgeting(units int64) func(*liveTable, context.Context) error {
	return func(l *liveTable, ctx context.Context) error {
		_, err := l.users.SetBudget(ctx, l.names[0], &token.Budget{Units: units}, func(int64, int64) {})
		return err
	}
}

func raising(units int64) func(*liveTable, context.Context) error {
	return func(l *liveTable, ctx context.Context) error {
		_, err := l.service.Raise(ctx, l.access[0], 1, token.RaiseChange{Raise: token.Raise{Units: units, Until: l.clock.Now().Unix() + 1000}}, nil)
		return err
	}
}

func rotating(grace int64) func(*liveTable, context.Context) error {
	return func(l *liveTable, ctx context.Context) error {
		rotation, err := l.service.NewKeyRotation(ctx, l.access[0], 1, grace)
		if err != nil {
			return err
		}
		made, err := l.service.Rotate(ctx, l.access[0], 1, rotation)
		l.keys = append(l.keys, made.Key)
		return err
	}
}

// leaking revokes the key that was issued at a place.
func leaking(index int) func(*liveTable, context.Context) error {
	return func(l *liveTable, ctx context.Context) error {
		_, err := l.store.RevokeKey(ctx, l.keys[index], l.clock.Now().Unix())
		return err
	}
}

func limiting(edit func(*token.Limits)) func(*liveTable, context.Context) error {
	return func(l *liveTable, ctx context.Context) error {
		_, err := l.users.SetLimits(ctx, l.names[0], edit)
		return err
	}
}

func all(changes ...func(*liveTable, context.Context) error) func(*liveTable, context.Context) error {
	return func(l *liveTable, ctx context.Context) error {
		for _, change := range changes {
			if err := change(l, ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func dailyQuota(units int64) token.Settings {
	return token.Settings{Windows: []token.Window{{Period: period.Period{Length: "day"}, Quota: units}}}
}

func (l *liveTable) hooks() *webhook.Service {
	return &webhook.Service{Store: l.store, Now: l.clock.Now}
}

func hooking() func(*liveTable, context.Context) error {
	return func(l *liveTable, ctx context.Context) error {
		_, err := l.hooks().Create(ctx, l.access[0], webhook.Settings{URL: new("https://example.com/")}, webhook.NewSecret())
		return err
	}
}

// restoreCases has a case for each way in which access becomes narrower.
func restoreCases() map[string]restoreCase {
	const requestID = "0123456789012345678901"
	end := func(l *liveTable, ctx context.Context) error {
		o := quota.OperationAt(quota.KindSettle, l.clock.Now())
		o.Quota, o.RequestID = 7, requestID
		_, err := l.store.Do(ctx, l.firstKey(), o)
		return err
	}
	hold := func(l *liveTable, ctx context.Context) error {
		o := quota.OperationAt(quota.KindReserve, l.clock.Now())
		o.Quota, o.RequestID, o.ExpiresAt = 7, requestID, o.Now+60
		_, err := l.store.Do(ctx, l.firstKey(), o)
		return err
	}
	user := func(do func(*token.UserService, context.Context, string) error) func(*liveTable, context.Context) error {
		return func(l *liveTable, ctx context.Context) error { return do(l.users, ctx, l.names[0]) }
	}
	return map[string]restoreCase{
		"deleted": {kind: narrow.Deleted, change: func(l *liveTable, ctx context.Context) error {
			return l.service.Delete(ctx, l.access[0], 1, nil)
		}},
		"rotated":           {kind: narrow.Keys, change: rotating(0)},
		"rotated_in_grace":  {kind: narrow.Keys, change: rotating(60)},
		"grace_ended":       {kind: narrow.Keys, before: rotating(5000), change: rotating(0)},
		"leaked":            {kind: narrow.Keys, change: leaking(0), always: true},
		"leaked_previous":   {kind: narrow.Keys, before: rotating(5000), change: leaking(0), always: true},
		"leaked_rotated":    {kind: narrow.Keys, change: all(leaking(0), rotating(60))},
		"disabled":          {kind: narrow.Disabled, change: updating(token.Settings{Disabled: new(true)})},
		"expires_earlier":   {kind: narrow.Expiry, change: updating(token.Settings{ExpiredTime: new(int64(1_700_000_050))})},
		"fewer_models":      {kind: narrow.Models, change: updating(token.Settings{ModelLimitsEnabled: new(true), Models: []string{"gpt-5"}})},
		"narrower_pattern":  {kind: narrow.Models, before: updating(token.Settings{ModelLimitsEnabled: new(true), Models: []string{"gpt-*"}}), change: updating(token.Settings{Models: []string{"gpt-5*"}})},
		"fewer_addresses":   {kind: narrow.Addresses, change: updating(token.Settings{AllowIPs: []string{"10.0.0.0/16"}})},
		"narrower_network":  {kind: narrow.Addresses, before: updating(token.Settings{AllowIPs: []string{"10.0.0.0/8"}}), change: updating(token.Settings{AllowIPs: []string{"10.0.0.0/16"}})},
		"lower_quota":       {kind: narrow.Spent, change: updating(token.Settings{RemainQuota: new(int64(3))})},
		"limited":           {kind: narrow.Limits, before: updating(token.Settings{UnlimitedQuota: new(true)}), change: updating(token.Settings{UnlimitedQuota: new(false)})},
		"spent":             {kind: narrow.Spent, change: spending(20)},
		"spent_after_raise": {kind: narrow.Spent, change: all(raising(50), spending(20))},
		"raise_ended":       {kind: narrow.Limits, before: raising(50), change: raising(0)},
		"held":              {kind: narrow.Spent, change: hold},
		"hold_settled":      {kind: narrow.Spent, before: hold, change: end},
		"window":            {kind: narrow.Limits, change: updating(dailyQuota(5))},
		"smaller_window":    {kind: narrow.Limits, before: updating(dailyQuota(50)), change: updating(dailyQuota(5))},
		"used_window":       {kind: narrow.Spent, before: updating(dailyQuota(50)), change: spending(30)},
		"model_quota":       {kind: narrow.Limits, change: updating(token.Settings{ModelQuotas: []token.ModelQuota{{Model: "gpt-5*", Quota: 5}}})},
		"used_model_quota":  {kind: narrow.Spent, before: updating(token.Settings{ModelQuotas: []token.ModelQuota{{Model: "gpt-5*", Quota: 50}}}), change: spending(30)},
		"requests":          {kind: narrow.Limits, change: updating(token.Settings{RequestsPerMinute: new(int64(2))})},
		"fewer_units":       {kind: narrow.Limits, before: updating(token.Settings{UnitsPerMinute: new(int64(600))}), change: updating(token.Settings{UnitsPerMinute: new(int64(60))})},
		"used_rate":         {kind: narrow.Spent, before: updating(token.Settings{UnitsPerMinute: new(int64(60))}), change: spending(40)},
		"fewer_open_holds":  {kind: narrow.Limits, before: updating(token.Settings{MaxConcurrent: new(int64(5))}), change: updating(token.Settings{MaxConcurrent: new(int64(1))})},
		"access_token": {kind: narrow.AccessTokens, change: user(func(s *token.UserService, ctx context.Context, name string) error {
			_, err := s.RotateAccessToken(ctx, name, true, 0)
			return err
		})},
		"user_disabled": {kind: narrow.UsersDisabled, change: user(func(s *token.UserService, ctx context.Context, name string) error {
			_, err := s.Disable(ctx, name, false, nil)
			return err
		})},
		"keys_stopped": {kind: narrow.UsersDisabled, change: user(func(s *token.UserService, ctx context.Context, name string) error {
			_, err := s.Disable(ctx, name, true, nil)
			return err
		})},
		"user_deleted": {kind: narrow.UsersDeleted, change: user(func(s *token.UserService, ctx context.Context, name string) error {
			_, err := s.Delete(ctx, name, nil)
			return err
		})},
		"user_limits": {kind: narrow.UserLimits, change: limiting(func(u *token.Limits) { u.MaxTokens = 7 })},
		"policy": {kind: narrow.Policies, change: user(func(s *token.UserService, ctx context.Context, name string) error {
			_, _, err := s.SetPolicy(ctx, name, func(p *token.Policy) { p.MaxLifetimeSeconds, p.AllowedModels = 3600, []string{"gpt-5*"} })
			return err
		})},
		"budget":       {kind: narrow.Budgets, change: budgeting(5)},
		"lower_budget": {kind: narrow.Budgets, before: budgeting(80), change: budgeting(5)},
		"used_budget":  {kind: narrow.Budgets, before: budgeting(80), change: spending(60)},
		"webhook_deleted": {kind: narrow.Webhooks, before: hooking(), change: func(l *liveTable, ctx context.Context) error {
			return l.hooks().Delete(ctx, l.access[0], 1)
		}},
		"webhook_disabled": {kind: narrow.Webhooks, before: hooking(), change: func(l *liveTable, ctx context.Context) error {
			_, err := l.hooks().Update(ctx, l.access[0], 1, webhook.Settings{Disabled: new(true)})
			return err
		}},
		"prices": {kind: narrow.Prices, change: func(l *liveTable, ctx context.Context) error {
			_, err := l.store.SetPriceFile(ctx, []byte(`{"models":{"gpt-5":{"input":"2.50"}}}`), 0)
			return err
		}},
		"id_given": {kind: narrow.NewIDs, change: func(l *liveTable, ctx context.Context) error {
			_, err := l.service.Create(ctx, l.access[0], []token.Settings{{Name: new(rand.Text())}}, nil)
			return err
		}},
	}
}

// TestRestoreNarrows makes each change after a backup. The restored table then
// allows nothing that the live one refuses, and the report names the kind.
func TestRestoreNarrows(t *testing.T) {
	t.Parallel()
	w := newBackupWorld(t)
	for name, c := range restoreCases() {
		t.Run(name, func(t *testing.T) {
			ctx, l := t.Context(), w.newLiveWith(token.Settings{Name: new("app"), RemainQuota: new(int64(100))}, token.Settings{Name: new("other")})
			must := func(change func(*liveTable, context.Context) error) {
				if err := change(l, ctx); err != nil {
					t.Fatal(err)
				}
			}
			must(spending(10))
			if c.before != nil {
				must(c.before)
			}
			backup := w.backup(l.table)
			must(c.change)
			table := w.restoreTo(backup)
			report, err := w.restore(ctx, l, table)
			if err != nil || report.Changed[c.kind] == 0 {
				t.Fatalf("got %v, %v; want a change of kind %s", report.Changed, err, c.kind)
			}
			restored := dynamo.New(w.kit.Client, table)
			compareTables(t, l, restored)
			compareOperator(t, l, restored)
			compareIDs(t, l, restored)
		})
	}
}

// compareOperator checks what an operator has set for the user.
func compareOperator(t *testing.T, l *liveTable, restored *dynamo.Store) {
	ctx := t.Context()
	live, _ := l.store.Users(ctx)
	users, err := restored.Users(ctx)
	if err != nil || len(users) != len(live) {
		t.Fatalf("got %d users, %v; want %d", len(users), err, len(live))
	}
	for i, u := range users {
		if u.Limits != live[i].Limits || u.Disabled != live[i].Disabled || u.KeysStopped() != live[i].KeysStopped() {
			t.Errorf("got user %+v, want %+v", u, live[i])
		}
		is, _ := restored.Policy(ctx, u)
		was, _ := l.store.Policy(ctx, live[i])
		if diff := cmp.Diff(was, is); diff != "" {
			t.Errorf("policy -live +restored:\n%s", diff)
		}
	}
	_, is, _ := restored.PriceFile(ctx)
	if _, was, _ := l.store.PriceFile(ctx); is != was {
		t.Errorf("got revision %d of the prices, want %d", is, was)
	}
}

// compareIDs checks that the restored table gives no id again.
func compareIDs(t *testing.T, l *liveTable, restored *dynamo.Store) {
	users := &token.UserService{Store: restored, Now: l.clock.Now}
	live, _ := l.store.Users(t.Context())
	is, _ := users.List(t.Context())
	for _, u := range is {
		at := slices.IndexFunc(live, func(v token.User) bool { return v.ID == u.ID })
		if u.LastTokenID < live[at].LastTokenID {
			t.Errorf("user %d: the last id is %d, in the live table %d", u.ID, u.LastTokenID, live[at].LastTokenID)
		}
		if r, err := users.Reconcile(t.Context(), u.Name, true); err != nil || len(r.Drifts) > 0 || r.Total != nil {
			t.Errorf("user %d: the counts are wrong: %+v, %v", u.ID, r, err)
		}
	}
	made, _, err := users.Create(t.Context(), fmt.Sprint("another-", len(live)), token.RoleUser, 0)
	wanted, _, _ := l.users.Create(t.Context(), fmt.Sprint("another-", len(live)), token.RoleUser, 0)
	if err != nil || made.ID < wanted.ID {
		t.Errorf("got user id %d, %v; the live table gives %d", made.ID, err, wanted.ID)
	}
}
