package gate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// kindsOfToken has settings of tokens whose writes have different conditions.
func kindsOfToken() map[string]token.Settings {
	return map[string]token.Settings{
		"limited":   {RemainQuota: new(int64(1_000_000))},
		"unlimited": {UnlimitedQuota: new(true)},
		"rate":      {RemainQuota: new(int64(1_000_000)), RequestsPerMinute: new(int64(1_000_000))},
		"window":    {UnlimitedQuota: new(true), Windows: []token.Window{{Period: period.Period{Length: "day"}, Quota: 1_000_000}}},
	}
}

func usersOf(store token.UserStore, tenant *dynamotest.Tenant) *token.UserService {
	return &token.UserService{Store: store, Now: tenant.Clock.Now}
}

// stopUser disables the user "tenant", or stops only its keys.
func stopUser(t testing.TB, users *token.UserService, keysOnly bool) token.UserStop {
	t.Helper()
	r, err := users.Disable(t.Context(), "tenant", keysOnly, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func enableUser(t testing.TB, users *token.UserService) token.UserStop {
	t.Helper()
	r, err := users.Enable(t.Context(), "tenant", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Stopped keys are refused for every use, also by a process that has just used
// them and remembers their limits. Their holds can still be settled, and released, and
// what was used is charged.
func TestStoppedKeys(t *testing.T) {
	t.Parallel()
	for name, settings := range kindsOfToken() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit, tenant, key := newTenant(t, settings)
			users, g := usersOf(kit.Store, tenant), gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
			var ids []string
			var own []*gate.Hold
			for range 4 {
				r, err := g.Reserve(t.Context(), key.Reveal(), quota.Question{Quota: 10}, 0)
				h, reserved, holdErr := g.Hold(t.Context(), key.Reveal(), quota.Question{Quota: 10}, 0)
				if err != nil || holdErr != nil || !r.Valid() || !reserved.Valid() {
					t.Fatalf("before: got %+v (%v), %+v (%v), want two holds", r, err, reserved, holdErr)
				}
				ids, own = append(ids, r.RequestID), append(own, h)
			}
			if r := stopUser(t, users, true); r.Tokens != 1 || r.User.Disabled || !r.User.KeysStopped() {
				t.Errorf("got %+v, want one token stopped and the user not disabled", r)
			}
			refusesAll(t, g, key, own[0])
			for i, end := range []func() error{
				func() error { _, err := g.Settle(t.Context(), key.Reveal(), ids[0], 7, price.Use{}); return err },
				func() error { _, err := g.Settle(t.Context(), key.Reveal(), ids[1], 12, price.Use{}); return err },
				func() error { _, err := g.Release(t.Context(), key.Reveal(), ids[2]); return err },
				func() error { _, err := own[0].Settle(t.Context(), 7, price.Use{}); return err },
				func() error { _, err := own[1].Settle(t.Context(), 12, price.Use{}); return err },
				func() error { return own[2].Release(t.Context()) },
				func() error {
					return verdictError(g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: 3, Used: true}))
				},
			} {
				if err := end(); err != nil {
					t.Errorf("end %d: got error %v, want it charged or returned", i, err)
				}
			}
			refusesAll(t, g, key, own[3])
			enableUser(t, users)
			if u, err := g.Usage(t.Context(), key.Reveal(), quota.Origin{}); err != nil || u.Used != 41 || !spend(t, g, key.Reveal(), quota.Question{Quota: 1}) {
				t.Errorf("after enable: got %+v (%v), want 41 used and the key accepted", u, err)
			}
		})
	}
}

// refusesAll checks that the gate refuses each use of a key because the operator
// has stopped it. h is an open hold of 10 units.
func refusesAll(t *testing.T, g *gate.Gate, key credential.Key, h *gate.Hold) {
	t.Helper()
	want := quota.Reason{Refusal: quota.RefusedDisabled, Scope: quota.ScopeUser}
	for name, use := range map[string]func(ctx context.Context, key string) (quota.Verdict, error){
		"check": func(ctx context.Context, key string) (quota.Verdict, error) {
			return g.Verify(ctx, key, quota.Question{})
		},
		"spend": func(ctx context.Context, key string) (quota.Verdict, error) {
			return g.Verify(ctx, key, quota.Question{Quota: 1})
		},
		"hold what was used": func(ctx context.Context, key string) (quota.Verdict, error) {
			_, r, err := g.Hold(ctx, key, quota.Question{Quota: 1, Used: true}, 0)
			return r.Verdict, err
		},
		"reserve": func(ctx context.Context, key string) (quota.Verdict, error) {
			r, err := g.Reserve(ctx, key, quota.Question{Quota: 1}, 0)
			return r.Verdict, err
		},
		"grow": func(ctx context.Context, _ string) (quota.Verdict, error) { return h.Grow(ctx, quota.Question{}, 20) },
	} {
		if v, err := use(t.Context(), key.Reveal()); err != nil || v.Reason != want {
			t.Errorf("%s: got %+v (%v), want %+v", name, v.Reason, err, want)
		}
	}
}

// The owner of stopped keys can't make one work: the operator's order stands above
// the status of a token, also of a new or a rotated one.
func TestOwnerCannotLiftStop(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(100))})
	off := newToken(t, tenant, token.Settings{RemainQuota: new(int64(100)), Disabled: new(true)})
	users, g, ctx := usersOf(kit.Store, tenant), gate.New(kit.Store, gate.WithClock(tenant.Clock.Now)), t.Context()
	if r := stopUser(t, users, true); r.Tokens != 2 {
		t.Errorf("got %d tokens stopped, want 2", r.Tokens)
	}
	refused := func(what string, err error) {
		if !errors.Is(err, token.ErrKeysStopped) {
			t.Errorf("%s: got error %v, want ErrKeysStopped", what, err)
		}
	}
	_, _, err := tenant.Create(ctx, tenant.Access, token.Settings{Name: new("another")})
	refused("create", err)
	_, err = tenant.SetStatus(ctx, tenant.Access, key.TokenID, false)
	refused("enable", err)
	_, err = tenant.SetStatusAll(ctx, tenant.Access, []int64{key.TokenID}, false, nil)
	refused("enable a batch", err)
	changed, err := tenant.Update(ctx, tenant.Access, key.TokenID, token.Settings{Disabled: new(false), RemainQuota: new(int64(5))})
	if err != nil || changed.StatusAt(tenant.UnixNow()) != token.Disabled {
		t.Errorf("update: got status %d (%v), want disabled", changed.StatusAt(tenant.UnixNow()), err)
	}
	rotated, err := tenant.Rotate(ctx, tenant.Access, key.TokenID, token.KeyRotation{Key: credential.NewKey(key.UserID, key.TokenID)})
	if err != nil || spend(t, g, rotated.Key.Reveal(), quota.Question{Quota: 1}) {
		t.Errorf("rotate: got error %v, or the new key is accepted", err)
	}
	if r := enableUser(t, users); r.Tokens != 2 || r.Before.Disabled || !r.Before.KeysStopped() {
		t.Errorf("got %+v, want two tokens that work again", r)
	}
	if !spend(t, g, rotated.Key.Reveal(), quota.Question{Quota: 5}) || spend(t, g, off.Reveal(), quota.Question{Quota: 1}) {
		t.Error("after enable: want the token accepted, but not the one that its owner has disabled")
	}
}

// An operation that has read a token before it was stopped does not write after
// that.
func TestStopBetweenReadAndWrite(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(100))})
	g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	if _, err := g.Reserve(t.Context(), key.Reveal(), quota.Question{Quota: 5}, 0); err != nil {
		t.Fatal(err)
	}
	tenant.Clock.Advance(int64(gate.DefaultTTL.Seconds())) // now a spend first has to end the hold
	faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
		if op == dynamotest.UpdateItem && nth == 2 {
			stopUser(t, usersOf(kit.Store, tenant), true)
		}
		return dynamotest.NoFault
	}}
	busy := gate.New(kit.StoreWith(faults.Configure), gate.WithClock(tenant.Clock.Now))
	if spend(t, busy, key.Reveal(), quota.Question{Quota: 1}) || faults.Attempts(dynamotest.UpdateItem) < 3 {
		t.Errorf("got the spend accepted after %d writes, want it refused after 3", faults.Attempts(dynamotest.UpdateItem))
	}
}

// An old order that is still being carried out changes nothing that a newer one
// decided, and no token that was created since.
func TestOldOrderChangesNothing(t *testing.T) {
	t.Parallel()
	kit, tenant, first := newTenant(t, token.Settings{RemainQuota: new(int64(100))})
	users, g := usersOf(kit.Store, tenant), gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	u, err := kit.Store.FindUser(t.Context(), "tenant")
	if err != nil {
		t.Fatal(err)
	}
	u.StopOrders++
	slow, err := kit.Store.ChangeUser(t.Context(), u) // a stop that has yet to reach the tokens
	if err != nil {
		t.Fatal(err)
	}
	enableUser(t, users)
	if n, err := kit.Store.StopTokens(t.Context(), slow, nil); err != nil || n != 0 || !spend(t, g, first.Reveal(), quota.Question{Quota: 1}) {
		t.Errorf("a slow stop: got %d tokens changed (%v), or the key is refused", n, err)
	}
	stopped := stopUser(t, users, false)
	if again := stopUser(t, users, false); again.Tokens != 0 || again.User.StopOrders != stopped.User.StopOrders {
		t.Errorf("the same order again: got %+v, want nothing changed", again)
	}
	enabled := enableUser(t, users)
	second := newToken(t, tenant, token.Settings{RemainQuota: new(int64(100))})
	for _, key := range []credential.Key{first, second} {
		if n, err := kit.Store.StopTokens(t.Context(), stopped.User, nil); err != nil || n != 0 || !spend(t, g, key.Reveal(), quota.Question{Quota: 1}) {
			t.Errorf("an old stop: got %d tokens changed (%v), or token %d is refused", n, err, key.TokenID)
		}
	}
	stopUser(t, users, true)
	for _, key := range []credential.Key{first, second} {
		if n, err := kit.Store.StopTokens(t.Context(), enabled.User, nil); err != nil || n != 0 || spend(t, g, key.Reveal(), quota.Question{Quota: 1}) {
			t.Errorf("an old enable: got %d tokens changed (%v), or token %d is accepted", n, err, key.TokenID)
		}
	}
}

// Of orders at the same time, the last one wins, on every token.
func TestLastOrderWins(t *testing.T) {
	t.Parallel()
	kit, tenant, _ := newTenant(t, token.Settings{RemainQuota: new(int64(100))})
	users := usersOf(kit.Store, tenant)
	for round := range 30 {
		var all sync.WaitGroup
		for n := range 4 {
			all.Go(func() {
				var err error
				if n%2 == 0 {
					_, err = users.Disable(t.Context(), "tenant", true, nil)
				} else {
					_, err = users.Enable(t.Context(), "tenant", nil)
				}
				if err != nil && !errors.Is(err, token.ErrContention) {
					t.Errorf("got error %v", err)
				}
			})
		}
		all.Go(func() {
			if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("any")}); err != nil && !errors.Is(err, token.ErrKeysStopped) {
				t.Errorf("create: got error %v", err)
			}
		})
		all.Wait()
		u, err := kit.Store.FindUser(t.Context(), "tenant")
		page, listErr := tenant.List(t.Context(), tenant.Access, 1, 100)
		if err != nil || listErr != nil {
			t.Fatal(err, listErr)
		}
		for _, tok := range page.Tokens {
			if tok.Stopped != u.KeysStopped() {
				t.Fatalf("round %d: token %d is stopped: %v, but the last order says %v", round, tok.ID, tok.Stopped, u.KeysStopped())
			}
		}
	}
}

// Once Disable or Delete has returned, no key is accepted, however many requests
// are in progress, and no token can be created.
func TestNoKeyIsAcceptedAfterStop(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	for name, stop := range map[string]func(users *token.UserService, name string) (token.UserStop, error){
		"disable": func(users *token.UserService, name string) (token.UserStop, error) {
			return users.Disable(t.Context(), name, false, nil)
		},
		"keys-only": func(users *token.UserService, name string) (token.UserStop, error) {
			return users.Disable(t.Context(), name, true, nil)
		},
		"delete": func(users *token.UserService, name string) (token.UserStop, error) {
			return users.Delete(t.Context(), name, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := kit.Tenant(t, name)
			var stopped atomic.Bool
			var late, accepted atomic.Int64
			var all, inUse sync.WaitGroup
			run := func(use func() bool) {
				inUse.Add(1)
				all.Go(func() {
					for first := true; ; first = false {
						after := stopped.Load()
						if use() {
							accepted.Add(1)
							if after {
								late.Add(1)
							}
						}
						if first {
							inUse.Done()
						}
						if after {
							return
						}
					}
				})
			}
			for _, settings := range kindsOfToken() {
				key := newToken(t, tenant, settings).Reveal()
				g := gate.New(kit.StoreWith(), gate.WithClock(tenant.Clock.Now))
				run(func() bool { return spend(t, g, key, quota.Question{Quota: 1}) })
				run(func() bool {
					h, r, err := g.Hold(t.Context(), key, quota.Question{Quota: 5}, 0)
					if err != nil || h == nil {
						return false
					}
					if _, err := h.Settle(t.Context(), 6, price.Use{}); err != nil && !errors.Is(err, quota.ErrKeyUnknown) {
						t.Errorf("settle: got error %v", err)
					}
					return r.Valid()
				})
			}
			run(func() bool {
				_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("new"), UnlimitedQuota: new(true)})
				return err == nil && spend(t, gate.New(kit.Store), key.Reveal(), quota.Question{Quota: 1})
			})
			inUse.Wait()
			if _, err := stop(usersOf(kit.Store, tenant), name); err != nil {
				t.Fatal(err)
			}
			stopped.Store(true)
			all.Wait()
			if late.Load() != 0 || accepted.Load() == 0 {
				t.Errorf("got %d uses accepted, %d of them after the stop, want some and none", accepted.Load(), late.Load())
			}
		})
	}
}

// A stop that dies at any of its calls, whether or not that is applied, is made up
// for by a repetition.
func TestInterruptedStop(t *testing.T) {
	t.Parallel()
	const tokens, most = 3, 30
	kit := dynamotest.New(t)
	for _, arrives := range []bool{false, true} {
		for last := 1; ; last++ {
			name := fmt.Sprintf("user-%v-%d", arrives, last)
			tenant := kit.Tenant(t, name)
			users, g := usersOf(kit.Store, tenant), gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
			keys := make([]string, tokens)
			for i := range keys {
				keys[i] = newToken(t, tenant, token.Settings{UnlimitedQuota: new(true)}).Reveal()
			}
			accepted := func() (n int) {
				for _, key := range keys {
					if spend(t, g, key, quota.Question{Quota: 1}) {
						n++
					}
				}
				return n
			}
			process := new(dynamotest.Process)
			dying := usersOf(kit.StoreWith(process.Configure), tenant)
			died := 0
			for _, order := range []struct {
				name string
				do   func(ctx context.Context, users *token.UserService) error
				want int // keys that are accepted afterwards
			}{
				{"disable", func(ctx context.Context, u *token.UserService) error {
					_, err := u.Disable(ctx, name, false, nil)
					return err
				}, 0},
				{"enable", func(ctx context.Context, u *token.UserService) error { _, err := u.Enable(ctx, name, nil); return err }, tokens},
				{"delete", func(ctx context.Context, u *token.UserService) error { _, err := u.Delete(ctx, name, nil); return err }, 0},
			} {
				err := order.do(process.Start(t.Context(), last, arrives), dying)
				if process.Stop() {
					died++
					err = order.do(t.Context(), users)
				}
				if order.name == "delete" && errors.Is(err, token.ErrUserNotFound) && arrives {
					err = nil // the last call was applied
				}
				if got := accepted(); err != nil || got != order.want {
					t.Fatalf("%s, died at call %d (applied: %v): got error %v and %d keys accepted, want %d", order.name, last, arrives, err, got, order.want)
				}
			}
			if died == 0 {
				break
			}
			if last == most {
				t.Fatalf("still dying at call %d", last)
			}
		}
	}
}

// A stop reaches the tokens of all buckets and reports its progress.
func TestStopOfManyTokens(t *testing.T) {
	t.Parallel()
	const tokens = 600
	kit, tenant, first := newTenant(t, token.Settings{UnlimitedQuota: new(true)})
	keys := append(kit.CopyFirstToken(t, tenant, tokens-1), first)
	users, g := usersOf(kit.Store, tenant), gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	var reports []string
	r, err := users.Disable(t.Context(), "tenant", false, func(done, of int64) { reports = append(reports, fmt.Sprint(done, " of ", of)) })
	if want := "[256 of 600 512 of 600 600 of 600]"; err != nil || r.Tokens != tokens || fmt.Sprint(reports) != want {
		t.Errorf("got %d tokens stopped (%v) and reports %v, want %s", r.Tokens, err, reports, want)
	}
	for _, key := range keys {
		if spend(t, g, key.Reveal(), quota.Question{}) {
			t.Fatalf("the key of token %d is accepted", key.TokenID)
		}
	}
	if r := enableUser(t, users); r.Tokens != tokens {
		t.Errorf("got %d tokens enabled, want %d", r.Tokens, tokens)
	}
}

// A process that leases quota refuses stopped keys once its lease has ended.
func TestLeaseOfStoppedKeyEnds(t *testing.T) {
	t.Parallel()
	l := newLeaseKit(t, token.Settings{RemainQuota: new(int64(1_000))})
	g := l.gate(gate.WithLeases(100))
	spend(t, g, l.key, quota.Question{Quota: 1})
	if _, err := usersOf(l.kit.Store, l.Tenant).Disable(t.Context(), "hot", true, nil); err != nil {
		t.Fatal(err)
	}
	l.Clock.Advance(int64(gate.LeaseDuration.Seconds()))
	if spend(t, g, l.key, quota.Question{Quota: 1}) {
		t.Error("a stopped key is accepted after the lease")
	}
}

// verdictError returns a refusal as an error.
func verdictError(v quota.Verdict, err error) error {
	if err == nil {
		err = v.Refusal.Err()
	}
	return err
}
