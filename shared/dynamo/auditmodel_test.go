package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestAuditModel makes random changes by two users and the operator, among uses of the
// keys, while answers of DynamoDB get lost, and folds the stream by processes that die at any call, in
// random batches of several shards, some of them twice. The audit trail has exactly
// one entry for each change that was made, and what was before and after.
func TestAuditModel(t *testing.T) {
	t.Parallel()
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		t.Run(strconv.Itoa(round), func(t *testing.T) { //nolint:paralleltest // each has an engine
			rng := rand.New(rand.NewPCG(7, uint64(round))) //nolint:gosec // reproducible
			m := newAuditModel(t, rng)
			for n := range 60 {
				m.step(t, n)
			}
			records, err := m.stream.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			m.foldAll(t, records)
			m.check(t)
			m.foldAll(t, records)
			m.check(t)
		})
	}
}

// An auditModel knows which changes were made, by looking at what is stored before and
// after each call.
type auditModel struct {
	*audited
	rng     *rand.Rand
	tenants []*dynamotest.Tenant // on a store whose calls fail
	store   *dynamo.Store        // theirs
	faulty  *token.UserService
	keys    map[token.Address]string
	want    map[string]map[string]int // how often, by request id and line
	hooks   hookWitness
}

func newAuditModel(t *testing.T, rng *rand.Rand) *auditModel {
	t.Helper()
	a := newAudited(t)
	bob := a.Tenant(t, "bob")
	a.fold(t) // of the users themselves
	faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
		if op != dynamotest.UpdateItem && op != dynamotest.TransactWriteItems || rng.IntN(4) > 0 {
			return dynamotest.NoFault
		}
		all := dynamotest.FaultsOf(op)
		return all[rng.IntN(len(all))]
	}}
	store := a.StoreWith(faults.Configure)
	return &auditModel{
		audited: a, rng: rng, tenants: []*dynamotest.Tenant{a.tenant.WithStore(store), bob.WithStore(store)}, store: store,
		faulty: &token.UserService{Store: store, Now: a.tenant.Clock.Now}, keys: map[token.Address]string{}, want: map[string]map[string]int{},
	}
}

// A state is what an operator and users can change.
type auditState struct {
	users    map[string]token.User
	policies map[string]token.Policy
	wallets  map[string]token.Wallet
	tokens   map[token.Address]token.Token
	prices   int64
}

func (m *auditModel) state(t *testing.T) auditState {
	t.Helper()
	s := auditState{map[string]token.User{}, map[string]token.Policy{}, map[string]token.Wallet{}, map[token.Address]token.Token{}, 0}
	users, err := m.operator.List(t.Context())
	for _, u := range users {
		s.users[u.Name] = u
		p, perr := m.Store.Policy(t.Context(), u)
		w, werr := m.Store.Wallet(t.Context(), u.ID)
		s.policies[u.Name], s.wallets[u.Name] = p, w
		terr := m.Store.EachToken(t.Context(), u, func(one token.Token) error {
			s.tokens[token.Address{UserID: u.ID, ID: one.ID}] = one
			return nil
		})
		err = errors.Join(err, perr, werr, terr)
	}
	if _, s.prices, err = m.Store.PriceFile(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// step makes one change or use, and notes what it changed.
func (m *auditModel) step(t *testing.T, n int) {
	t.Helper()
	before := m.state(t)
	request := "request-" + strconv.Itoa(n)
	m.act(token.WithOrigin(t.Context(), token.Origin{RequestID: request, Address: "2001:db8::" + strconv.Itoa(n)}), before, n)
	if lines := changesBetween(before, m.state(t)); len(lines) > 0 {
		m.want[request] = lines
	}
	m.hooks.look(t, m.Store, request, 1, 2)
}

func (m *auditModel) act(ctx context.Context, s auditState, n int) {
	who := m.rng.IntN(len(m.tenants))
	tenant := m.tenants[who]
	uid, at := tenant.Access.UserID, tenant.Access
	name := []string{"alice", "bob"}[who]
	var ids []int64
	for address := range s.tokens {
		if address.UserID == uid {
			ids = append(ids, address.ID)
		}
	}
	slices.Sort(ids)
	id := int64(1)
	if len(ids) > 0 {
		id = ids[m.rng.IntN(len(ids))]
	}
	amount := m.rng.Int64N(1000)
	switch m.rng.IntN(20) {
	case 0, 1:
		made, err := tenant.Service.Create(ctx, at, []token.Settings{{Name: new("a"), RemainQuota: &amount}, {Name: new("b")}}, nil)
		for _, one := range made {
			if err == nil {
				m.keys[token.Address{UserID: uid, ID: one.ID}] = one.Key.Reveal()
			}
		}
	case 2:
		_, _ = tenant.Update(ctx, at, id, token.Settings{Name: new(fmt.Sprint("n", n)), RemainQuota: &amount})
	case 3:
		_, _ = tenant.Update(ctx, at, id, token.Settings{Models: []string{"a", fmt.Sprint(n)}, Group: new("vip"), MaxConcurrent: new(amount % 50)})
	case 4:
		_, _ = tenant.SetStatusAll(ctx, at, ids[:min(3, len(ids))], m.rng.IntN(2) == 0, nil)
	case 5:
		rotation, err := tenant.NewKeyRotation(ctx, at, id, 0)
		if err == nil {
			rotation.Version = s.tokens[token.Address{UserID: uid, ID: id}].Version
			_, _ = tenant.Rotate(ctx, at, id, rotation)
			m.keys[token.Address{UserID: uid, ID: id}] = rotation.Key.Reveal()
		}
	case 6:
		_ = tenant.Delete(ctx, at, id)
	case 7:
		_, _ = tenant.Raise(ctx, at, id, token.RaiseChange{Raise: token.Raise{Units: amount + 1, Until: tenant.Clock.Now().Unix() + 9}}, nil)
	case 8:
		_, _ = m.faulty.SetLimits(ctx, name, func(l *token.Limits) { l.MaxTokens = 100 + amount })
	case 9:
		_, _, _ = m.faulty.SetPolicy(ctx, name, func(p *token.Policy) { p.MaxLifetimeSeconds = 60 * (amount % 2) })
	case 10:
		_, _ = m.faulty.SetBudget(ctx, name, &token.Budget{Units: 1_000_000 + amount}, func(int64, int64) {})
	case 11:
		if m.rng.IntN(2) == 0 {
			_, _ = m.faulty.Disable(ctx, name, true, nil)
		} else {
			_, _ = m.faulty.Enable(ctx, name, nil)
		}
	case 12:
		_, _ = m.Store.SetPriceFile(ctx, fmt.Appendf(nil, `{"units_per_dollar":%d,"models":{"m":{"input":"1","output":"2"}}}`, amount+1), s.prices)
	case 13, 14, 15, 16:
		m.hooks.act(ctx, m.rng, m.store, at, tenant.Clock.Now())
	default:
		_, _ = gate.New(m.Store, gate.WithClock(tenant.Clock.Now)).Verify(ctx, m.keys[token.Address{UserID: uid, ID: id}], quota.Question{Quota: 1, Use: price.Use{Model: "m"}})
	}
}

// changesBetween returns how often each thing was changed between two states.
func changesBetween(a, b auditState) map[string]int {
	found := map[string]int{}
	add := func(what string, times int64) {
		if times > 0 {
			found[what] += int(times)
		}
	}
	add("0/0", b.prices-a.prices)
	for name, u := range b.users {
		add(fmt.Sprintf("%d/0", u.ID), u.Version-a.users[name].Version)
	}
	for at, one := range b.tokens {
		add(subject(at), one.Version-a.tokens[at].Version)
	}
	for at := range a.tokens {
		if _, there := b.tokens[at]; !there {
			add(subject(at), 1)
		}
	}
	return found
}

func subject(at token.Address) string { return fmt.Sprintf("%d/%d", at.UserID, at.ID) }

// foldAll folds the records of each item in order, those of several shards by several processes, in
// batches that overlap and that processes die in.
func (m *auditModel) foldAll(t *testing.T, records []dynamo.StreamRecord) {
	t.Helper()
	shards := make([][]dynamo.StreamRecord, 3)
	for _, r := range records {
		i := len(r.Partition) * 7 % len(shards)
		shards[i] = append(shards[i], r)
	}
	for _, shard := range shards {
		process := new(dynamotest.Process)
		store := m.StoreWith(process.Configure)
		for from := 0; from < len(shard); {
			to := min(len(shard), from+1+m.rng.IntN(20))
			ctx := process.Start(t.Context(), m.rng.IntN(12), m.rng.IntN(2) == 0)
			f, err := store.Fold(ctx, shard[from:to], dynamotest.Epoch)
			if process.Stop() && err == nil && f.Done < to-from || f.Unreadable > 0 {
				t.Fatalf("got %+v, %v", f, err)
			}
			if from += f.Done; err == nil && m.rng.IntN(4) == 0 {
				from = max(0, from-m.rng.IntN(5)) // some come again
			}
		}
	}
}

// check compares the audit trails with the changes that were made. Then it makes the
// changes of the entries one after the other, and compares the results with what is
// stored.
func (m *auditModel) check(t *testing.T) {
	t.Helper()
	got := map[string]map[string]int{}
	settings := map[string]string{} // by subject, kind of thing and setting, as JSON
	byToken := map[token.Address]int{}
	ids := map[string]bool{}
	m.hooks.check(t, append(m.trail(t, 1, 0), m.trail(t, 2, 0)...))
	for uid := range int64(3) {
		for _, e := range m.trail(t, uid, 0) {
			at := token.Address{UserID: e.UserID, ID: max(e.TokenID, e.WebhookID)} // one of them is 0
			kind, _, _ := strings.Cut(e.Action, ".")
			for _, c := range e.Changes {
				setting := subject(at) + kind + c.Setting
				if was, known := settings[setting]; known && c.Setting != "remain_quota" && was != string(c.Before) {
					t.Errorf("%s was %s before %+v", setting, was, e)
				}
				settings[setting] = string(c.After)
			}
			if e.Action == history.UserCreated || e.WebhookID != 0 {
				continue
			}
			if ids[e.ID] || e.Address != "2001:db8::"+strings.TrimPrefix(e.RequestID, "request-") || (e.By == history.ByUser) != (e.TokenID > 0) {
				t.Errorf("got %+v", e)
			}
			ids[e.ID] = true
			if got[e.RequestID] == nil {
				got[e.RequestID] = map[string]int{}
			}
			got[e.RequestID][subject(at)]++
			byToken[at]++
		}
	}
	for request, changes := range m.want {
		if !maps.Equal(changes, got[request]) {
			t.Errorf("%s: got %v, want %v", request, got[request], changes)
		}
	}
	if len(got) != len(m.want) {
		t.Errorf("got entries of %d requests, want %d", len(got), len(m.want))
	}
	for at, n := range byToken {
		if all := m.trail(t, at.UserID, at.ID); at.ID > 0 && len(all) != n {
			t.Errorf("got %d entries of token %v, want %d", len(all), at, n)
		}
	}
	m.checkSettings(t, settings)
}

func (m *auditModel) checkSettings(t *testing.T, got map[string]string) {
	t.Helper()
	stored := m.state(t)
	check := func(setting string, want any) {
		t.Helper()
		content, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if have, changed := got[setting]; changed && have != string(content) {
			t.Errorf("%s: got %s, want %s", setting, have, content)
		}
	}
	for at, one := range stored.tokens {
		name := subject(at) + "token"
		check(name+"name", one.Name)
		check(name+"group", one.Group)
		check(name+"max_concurrent", one.MaxConcurrent)
		check(name+"models", append([]string{}, one.Models...))
		check(name+"key", one.Mask)
	}
	for name, u := range stored.users {
		at := subject(token.Address{UserID: u.ID})
		check(at+"usermax_tokens", u.Limits.MaxTokens)
		check(at+"userkeys_stopped", u.KeysStopped())
		check(at+"policymax_lifetime_seconds", stored.policies[name].MaxLifetimeSeconds)
		check(at+"budgetbudget", map[string]int64{"quota": stored.wallets[name].Units})
	}
}
