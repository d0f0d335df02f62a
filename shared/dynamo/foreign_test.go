package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const foreignKey = "sk-1234567890abcdefghij"

// foreign is a token that keeps a key of another system.
func foreign(key string, quota int64) token.ForeignToken {
	secret := credential.NewSecret(key)
	return token.ForeignToken{
		Settings: token.Settings{Name: new("imported"), RemainQuota: new(quota)},
		Hash:     credential.ForeignKey(secret, 0, 0).Hash(), Mask: credential.ForeignMask(key), From: "litellm", UsedQuota: 7,
	}
}

// importing makes a tenant whose tokens keep the keys of another system.
func importing(t testing.TB, kit *dynamotest.Kit, keys ...string) (*dynamotest.Tenant, *token.UserService) {
	t.Helper()
	tenant := kit.Tenant(t, "importer")
	users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	for _, key := range keys {
		if _, err := users.ImportTokens(t.Context(), "importer", []token.ForeignToken{foreign(key, 100)}); err != nil {
			t.Fatal(err)
		}
	}
	return tenant, users
}

// foreignGate is a gate of a process of its own that accepts foreign keys.
func foreignGate(tenant *dynamotest.Tenant, kit *dynamotest.Kit) *gate.Gate {
	store := dynamo.New(dynamotest.Client(kit.Endpoint), dynamotest.Table)
	return gate.New(store, gate.WithClock(tenant.Clock.Now), gate.WithForeignKeys(store))
}

func answer(t *testing.T, g *gate.Gate, key string, q quota.Question) quota.Verdict {
	t.Helper()
	v, err := g.Verify(t.Context(), key, q)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// An imported token is used with its old key, with and without sk-, and shows
// where it is from.
func TestForeignKey(t *testing.T) {
	t.Parallel()
	const unprefixed = "uk_1234567890abcdefghij"
	kit := newKit(t)
	tenant, _ := importing(t, kit, foreignKey, unprefixed)
	g := foreignGate(tenant, kit)
	bare := strings.TrimPrefix(foreignKey, "sk-")
	for key, id := range map[string]int64{foreignKey: 1, bare: 1, unprefixed: 2} {
		if v := answer(t, g, key, quota.Question{Quota: 10}); !v.Valid() || v.Token.ID != id || v.Token.ImportedFrom != "litellm" {
			t.Errorf("%s: got %+v", key, v)
		}
	}
	hold, r, err := g.Hold(t.Context(), bare, quota.Question{Quota: 20}, 0)
	if err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r.Reason, err)
	}
	if got, err := hold.Settle(t.Context(), 15, price.Use{}); err != nil || got.Charged != 15 {
		t.Errorf("got %+v, %v", got, err)
	}
	if u, err := g.Usage(t.Context(), foreignKey, quota.Origin{}); err != nil || u.Available != 100-20-15 || u.Used != 7+20+15 {
		t.Errorf("got %+v, %v", u, err)
	}
	shown, err := tenant.Get(t.Context(), tenant.Access, 1)
	if err != nil || shown.Mask != "sk-**********ghij" {
		t.Errorf("got %+v, %v", shown, err)
	}
	// Others are refused, and all are without the option.
	for _, key := range []string{foreignKey + "x", "SK-1234567890abcdefghij", "sk-" + foreignKey, "sk-sk-1234567890abcdefghij", "", "sk-", bare[:19], foreignKey + " ", "at-1234567890abcdefghij"} {
		if v := answer(t, g, key, quota.Question{}); v.Refusal != quota.RefusedUnknown {
			t.Errorf("%q: got %+v", key, v)
		}
	}
	off := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	if v := answer(t, off, foreignKey, quota.Question{}); v.Refusal != quota.RefusedUnknown {
		t.Errorf("turned off: got %+v", v)
	}
	if _, err := off.Usage(t.Context(), foreignKey, quota.Origin{}); !errors.Is(err, quota.ErrKeyUnknown) {
		t.Errorf("turned off: got %v", err)
	}
}

// A process reads the address of a foreign key once. Then the key costs what one
// of ours does.
func TestForeignKeyCosts(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant, _ := importing(t, kit, foreignKey)
	cold, bare, g := foreignGate(tenant, kit), foreignGate(tenant, kit), foreignGate(tenant, kit)
	check := func(g *gate.Gate, key string, q quota.Question) func(context.Context) error {
		return func(ctx context.Context) error { return verdictError(g.Verify(ctx, key, q)) }
	}
	unknown := func(key string) func(context.Context) error {
		return func(ctx context.Context) error {
			v, err := g.Verify(ctx, key, quota.Question{})
			if err == nil && v.Refusal != quota.RefusedUnknown {
				err = fmt.Errorf("got %+v", v)
			}
			return err
		}
	}
	spend := quota.Question{Quota: 1}
	for _, r := range []row{
		{"first check", 1.5, 1.5, 0, 2, check(g, foreignKey, quota.Question{})},
		{"check", 1, 1, 0, 1, check(g, foreignKey, quota.Question{})},
		{"spend", 0, 0, 1, 1, check(g, foreignKey, spend)},
		{"first spend of another process", 0.5, 0.5, 1, 2, check(cold, foreignKey, spend)},
		{"spend without sk-", 0, 0, 1, 1, check(cold, foreignKey[3:], spend)},
		{"first spend of another process without sk-", 1, 1, 1, 3, check(bare, foreignKey[3:], spend)},
		{"spend of it without sk-", 0, 0, 1, 1, check(bare, foreignKey[3:], spend)},
		{"unknown key", 0.5, 0.5, 0, 1, unknown(foreignKey + "x")},
		{"unknown key again", 0.5, 0.5, 0, 1, unknown(foreignKey + "x")},
		{"unknown key without sk-", 1, 1, 0, 2, unknown("uk_1234567890abcdefghij")},
		{"what can't be a key", 0, 0, 0, 0, unknown("sk-short")},
		{"import", 1, 1, 6, 2, func(ctx context.Context) error { // without the user, which is found by name
			u, err := kit.Store.FindUser(t.Context(), "importer")
			if err != nil {
				return err
			}
			if _, err := kit.Store.TokensOfForeignKeys(ctx, [][32]byte{foreign(foreignKey+"y", 1).Hash}); err != nil {
				return err
			}
			_, err = kit.Store.ImportTokens(ctx, u, func(u token.User) (token.NewTokens, error) {
				made, err := token.New(token.Settings{Name: new("one")}, u.ID, tenant.UnixNow())
				made.ID, made.ForeignHash, made.KeyHash = u.LastTokenID+1, foreign(foreignKey+"y", 1).Hash, foreign(foreignKey+"y", 1).Hash
				return token.NewTokens{Tokens: []token.Token{made}}, err
			})
			return err
		}},
		{"delete", 2, 2, 6, 2, func(ctx context.Context) error { return tenant.Delete(ctx, tenant.Access, 1) }},
	} {
		r.check(t)
	}
}

// The key of an imported token is replaced as any other; it may settle holds until
// it is replaced twice, and its item goes with the token.
func TestRotatedForeignKey(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant, _ := importing(t, kit, foreignKey)
	g := foreignGate(tenant, kit)
	hold, r, err := g.Hold(t.Context(), foreignKey, quota.Question{Quota: 20}, 0)
	if err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r.Reason, err)
	}
	rotation, err := tenant.NewKeyRotation(t.Context(), tenant.Access, 1, 60)
	if err == nil {
		_, err = tenant.Rotate(t.Context(), tenant.Access, 1, rotation)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{foreignKey, rotation.Key.Reveal()} {
		if v := answer(t, g, key, quota.Question{}); !v.Valid() {
			t.Errorf("within the grace period: got %+v", v.Reason)
		}
	}
	tenant.Clock.Advance(61)
	if v := answer(t, g, foreignKey, quota.Question{}); v.Refusal != quota.RefusedUnknown {
		t.Errorf("after it: got %+v", v.Reason)
	}
	if got, err := hold.Settle(t.Context(), 20, price.Use{}); err != nil || got.Charged != 20 {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := tenant.Delete(t.Context(), tenant.Access, 1); err != nil {
		t.Fatal(err)
	}
	if left := itemsOf(t, kit, "K#"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// Whatever removes a token, the item of its foreign key goes, too, and the key can
// be imported again: processes that knew the old token refuse it once at most.
func TestForeignKeyOfRemovedToken(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*testing.T, *dynamotest.Kit, *dynamotest.Tenant, *token.UserService) error{
		"deleted": func(t *testing.T, _ *dynamotest.Kit, tenant *dynamotest.Tenant, _ *token.UserService) error {
			return tenant.Delete(t.Context(), tenant.Access, 1)
		},
		"deleted in a batch": func(t *testing.T, _ *dynamotest.Kit, tenant *dynamotest.Tenant, _ *token.UserService) error {
			errs, err := tenant.DeleteAll(t.Context(), tenant.Access, []int64{1}, nil)
			return errors.Join(append(errs, err)...)
		},
		"interrupted, then listed": func(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, _ *token.UserService) error {
			onlyRevoke(t, kit, tenant, 1)
			_, err := tenant.List(t.Context(), tenant.Access, 1, 10)
			return err
		},
		"removed by TTL": func(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, _ *token.UserService) error {
			last := takeItem(t, kit, tenant.Access.UserID, 1)
			return kit.Store.CountPurge(t.Context(), tenant.Access.UserID, 1, last, tenant.UnixNow())
		},
		"removed by TTL, then the user": func(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, users *token.UserService) error {
			last := takeItem(t, kit, tenant.Access.UserID, 1)
			if _, err := users.Delete(t.Context(), "importer", nil); err != nil {
				return err
			}
			return kit.Store.CountPurge(t.Context(), tenant.Access.UserID, 1, last, tenant.UnixNow())
		},
		"user deleted": func(t *testing.T, _ *dynamotest.Kit, _ *dynamotest.Tenant, users *token.UserService) error {
			_, err := users.Delete(t.Context(), "importer", nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant, users := importing(t, kit, foreignKey)
			g := foreignGate(tenant, kit)
			if v := answer(t, g, foreignKey, quota.Question{Quota: 1}); !v.Valid() {
				t.Fatalf("got %+v", v.Reason)
			}
			if err := remove(t, kit, tenant, users); err != nil {
				t.Fatal(err)
			}
			if left := itemsOf(t, kit, "K#"); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
			kit.Tenant(t, "another")
			if _, err := users.ImportTokens(t.Context(), "another", []token.ForeignToken{foreign(foreignKey, 5)}); err != nil {
				t.Fatal(err)
			}
			answer(t, g, foreignKey, quota.Question{})
			if v := answer(t, g, foreignKey, quota.Question{}); !v.Valid() || v.Token.RemainQuota != 5 {
				t.Errorf("imported again: got %+v", v)
			}
		})
	}
}

// An import can be repeated, also by several processes at once: each key is one
// token's. A key of another user's token is refused, with nothing imported.
func TestRepeatedImport(t *testing.T) {
	t.Parallel()
	const processes, tokens = 4, token.MaxImport
	kit := newKit(t)
	tenant, users := importing(t, kit)
	var batch []token.ForeignToken
	for i := range tokens {
		batch = append(batch, foreign(fmt.Sprintf("%s%02d", foreignKey, i), 10))
	}
	var all sync.WaitGroup
	var failed atomic.Int64
	for range processes {
		all.Go(func() {
			if made, err := users.ImportTokens(t.Context(), "importer", batch); err != nil {
				failed.Add(1)
				if !errors.Is(err, token.ErrKeyTaken) {
					t.Error(err)
				}
			} else if len(made) != tokens || made[tokens-1].ID == 0 {
				t.Errorf("got %d tokens", len(made))
			}
		})
	}
	all.Wait()
	if failed.Load() == processes {
		t.Error("all imports failed")
	}
	if made, err := users.ImportTokens(t.Context(), "importer", batch); err != nil || len(made) != tokens {
		t.Errorf("repeated: got %d tokens, %v", len(made), err)
	}
	if page := mustList(t, tenant, 1, 100); page.Total != tokens {
		t.Errorf("%d tokens", page.Total)
	}
	kit.Tenant(t, "another")
	var at *token.IndexError
	_, err := users.ImportTokens(t.Context(), "another", []token.ForeignToken{foreign(foreignKey, 1), batch[3]})
	if !errors.As(err, &at) || at.Index != 1 || !errors.Is(err, token.ErrKeyTaken) {
		t.Errorf("got %v", err)
	}
	if _, err := users.ImportTokens(t.Context(), "another", []token.ForeignToken{foreign(foreignKey, 1), foreign(foreignKey, 1)}); !errors.Is(err, token.ErrKeyTaken) {
		t.Errorf("twice in a batch: got %v", err)
	}
	wrong := foreign(foreignKey+"zz", 1)
	wrong.Name = new("")
	if _, err := users.ImportTokens(t.Context(), "importer", append(batch[:2:2], wrong)); !errors.As(err, &at) || at.Index != 2 {
		t.Errorf("got %v", err)
	}
	if left := itemsOf(t, kit, "K#"); len(left) != tokens {
		t.Errorf("%d items of keys", len(left))
	}
}
