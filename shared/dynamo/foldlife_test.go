package dynamo_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A life is that of some tokens of one user.
type life struct {
	number uint64
	random *rand.Rand
	kit    *dynamotest.Kit
	tenant *dynamotest.Tenant
	gate   *gate.Gate
	tokens []*living
	hooks  hookWitness
}

// A living token, and what it was charged for.
type living struct {
	id    int64
	key   string
	holds []lifeHold
	known map[string]price.Use // requests, and units of charges with a known model
	saw   *witness
}

type lifeHold struct {
	id    string
	model string
	own   *gate.Hold
}

func newLife(t *testing.T, number uint64) *life {
	t.Helper()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	l := &life{number: number, random: rand.New(rand.NewPCG(number, 0)), kit: kit, tenant: kit.Tenant(t, "alice")} //nolint:gosec // not a secret
	l.gate = gate.New(kit.Store, gate.WithClock(l.tenant.Clock.Now))
	for i := range tokensPerLife {
		s := token.Settings{Name: new(fmt.Sprint("token ", i)), RemainQuota: new(int64(80))}
		if i%2 == 1 {
			s = token.Settings{Name: s.Name, UnlimitedQuota: new(true)}
		}
		if i >= tokensPerLife/2 {
			s.Windows = []token.Window{{Period: period.Period{Length: "hour"}, Quota: 25}, {Period: period.Period{Length: "5h"}, Quota: 70}}
			s.ModelQuotas = []token.ModelQuota{{Model: "gpt-*", Quota: 20}}
		}
		made, key, err := l.tenant.Create(t.Context(), l.tenant.Access, s)
		if err != nil {
			t.Fatal(err)
		}
		l.tokens = append(l.tokens, &living{id: made.ID, key: key.Reveal(), known: map[string]price.Use{}, saw: newWitness()})
		l.tokens[i].saw.changed("token.created", event.TokenCreated)
	}
	l.look(t, nil)
	return l
}

// step does something to one of the tokens.
func (l *life) step(t *testing.T) {
	t.Helper()
	tok := l.tokens[l.random.IntN(len(l.tokens))]
	model := []string{"", "gpt-5", "claude", "a model with spaces"}[l.random.IntN(4)]
	units := l.random.Int64N(20)
	use := price.Use{Model: model, Usage: price.Usage{OutputTokens: units}, NanoDollars: units * 3}
	n := l.random.IntN(114)
	switch {
	case n < 35:
		q := quota.Question{Model: model, Quota: units, Use: use}
		if n < 10 {
			q.RequestID = fmt.Sprintf("request-%014d", l.random.IntN(5))
		}
		l.spend(t, tok, q)
	case n < 65:
		l.reserve(t, tok, quota.Question{Model: model, Quota: units}, n < 50)
	case n < 85:
		l.end(t, tok, units, use, n < 80)
	case n < 88:
		l.tenant.Clock.Advance(l.random.Int64N(4000))
	case n < 90:
		l.tenant.Clock.Advance(-l.random.Int64N(500))
	case n < 99 || n >= 100 && n < 104:
		l.change(t, tok, n)
	case n >= 104:
		l.hooks.act(token.WithOrigin(t.Context(), token.Origin{RequestID: "r"}), l.random, l.kit.Store, l.tenant.Access, l.tenant.Clock.Now())
		l.hooks.look(t, l.kit.Store, "r", l.tenant.Access.UserID)
	default:
		if _, err := l.kit.Engine.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n < 93 || n == 98 || n == 99 || n >= 104 {
		tok = nil
	}
	l.look(t, tok)
}

// change makes an administrative change of a token.
func (l *life) change(t *testing.T, tok *living, n int) {
	t.Helper()
	ctx, at := t.Context(), l.tenant.Access
	update := func(s token.Settings) {
		if _, err := l.tenant.Update(ctx, at, tok.id, s); err == nil {
			tok.saw.changed("token.updated", event.TokenUpdated)
		}
	}
	switch {
	case n < 93:
		rotation, err := l.tenant.NewKeyRotation(ctx, at, tok.id, 0)
		if err != nil {
			t.Fatal(err)
		}
		if made, err := l.tenant.Rotate(ctx, at, tok.id, rotation); err == nil {
			tok.key = made.Key.Reveal()
			tok.saw.changed("token.rotated", event.TokenRotated)
		}
	case n < 97:
		update(token.Settings{RemainQuota: new(l.random.Int64N(150))})
	case n < 98:
		update(token.Settings{ExpiredTime: new(l.tenant.UnixNow() + 1)})
	case n < 99:
		if l.tenant.Delete(ctx, at, tok.id) == nil {
			tok.saw.deleted = true
			tok.saw.changed("token.deleted", event.TokenDeleted)
		}
	case n < 102:
		if tok.saw.last != nil && len(tok.saw.last.Windows) > 0 {
			windows := slices.Clone(tok.saw.last.Windows)
			for i := range windows {
				windows[i] = token.Window{Period: windows[i].Period, Quota: 10 + l.random.Int64N(80)}
			}
			update(token.Settings{Windows: windows})
		}
	case n < 103:
		if found, err := l.gate.Revoke(ctx, tok.key); err == nil && found.ID != 0 {
			tok.saw.changed("token.leaked", event.TokenDisabled)
		}
	case tok.saw.last != nil:
		disable := !tok.saw.last.Disabled
		if _, err := l.tenant.SetStatus(ctx, at, tok.id, disable); err == nil && disable {
			tok.saw.changed("token.disabled", event.TokenDisabled)
		} else if err == nil {
			tok.saw.changed("token.enabled", event.TokenEnabled)
		}
	}
}

func (l *life) spend(t *testing.T, tok *living, q quota.Question) {
	t.Helper()
	before := l.used(t, tok)
	v, err := l.gate.Verify(t.Context(), tok.key, q)
	if err == nil && v.Valid() && q.Quota > 0 && (q.RequestID == "" || l.used(t, tok) > before) {
		use := q.Use
		use.Requests, use.Units = 1, q.Quota
		tok.charge(use)
	}
}

func (l *life) reserve(t *testing.T, tok *living, q quota.Question, own bool) {
	t.Helper()
	if own {
		if h, _, err := l.gate.Hold(t.Context(), tok.key, q, 0); err == nil && h != nil {
			tok.holds = append(tok.holds, lifeHold{model: q.Model, own: h})
		}
		return
	}
	if r, err := l.gate.Reserve(t.Context(), tok.key, q, 0); err == nil && r.Valid() {
		tok.holds = append(tok.holds, lifeHold{id: r.RequestID, model: q.Model})
	}
}

// end settles or releases a hold of the token.
func (l *life) end(t *testing.T, tok *living, units int64, use price.Use, settle bool) {
	t.Helper()
	if len(tok.holds) == 0 {
		return
	}
	i := l.random.IntN(len(tok.holds))
	h := tok.holds[i]
	tok.holds = slices.Delete(tok.holds, i, i+1)
	var s quota.Settlement
	var err error
	switch {
	case !settle && h.own != nil:
		err = h.own.Release(t.Context())
	case !settle:
		_, err = l.gate.Release(t.Context(), tok.key, h.id)
	case h.own != nil:
		s, err = h.own.Settle(t.Context(), units, use)
	default:
		s, err = l.gate.Settle(t.Context(), tok.key, h.id, units, use)
	}
	if err == nil && settle {
		if use.Model == "" {
			use.Model = h.model
		}
		use.Requests, use.Units = 1, s.Charged
		tok.charge(use)
	}
}

func (tok *living) charge(use price.Use) {
	sum := tok.known[use.Model].Plus(use)
	sum.Model = use.Model
	tok.known[use.Model] = sum
}

// used returns the units that a token has used, or 0 once it is removed.
func (l *life) used(t *testing.T, tok *living) int64 {
	t.Helper()
	u, err := l.gate.Usage(t.Context(), tok.key, quota.Origin{})
	if err != nil {
		return 0
	}
	return u.Used
}
