package dynamo_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A modelTest makes random calls for a tenant and compares the answers with a
// map of the tokens that must exist.
type modelTest struct {
	kit    *dynamotest.Kit
	tenant *dynamotest.Tenant
	model  map[int64]token.Token
	given  int64
}

// The service behaves like a plain map of tokens under random operations.
func TestServiceMatchesModel(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	users := 0
	rapid.Check(t, func(rt *rapid.T) {
		users++
		m := &modelTest{kit, kit.Tenant(t, fmt.Sprint("user", users)), map[int64]token.Token{}, 0}
		// Some runs begin with ids that were given and deleted, just below the
		// end of a bucket or of a segment.
		if m.given = rapid.SampledFrom([]int64{0, 250, pages.SegmentSize - 5}).Draw(rt, "given"); m.given > 0 {
			load(t, kit, m.tenant, m.given, func(int64) bool { return true })
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": m.create, "get": m.get, "update": m.update, "set status": m.setStatus,
			"delete": m.delete, "list": m.list, "after": m.after, "step": m.step,
		})
	})
}

func (m *modelTest) now() int64 { return m.tenant.UnixNow() }

// pick draws an id, most often that of a token.
func (m *modelTest) pick(rt *rapid.T) int64 {
	ids := slices.Sorted(maps.Keys(m.model))
	return rapid.SampledFrom(append(ids, m.given+1, max(1, m.given))).Draw(rt, "id")
}

func (m *modelTest) create(rt *rapid.T) {
	u := drawUpdate(rt, m.now())
	u.Name = new(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "new name"))
	got, key, err := m.tenant.Create(rt.Context(), m.tenant.Access, u)
	limited := u.ModelLimitsEnabled != nil && *u.ModelLimitsEnabled
	past := u.ExpiredTime != nil && *u.ExpiredTime != token.Never && *u.ExpiredTime <= m.now()
	if past || limited && len(u.Models) == 0 {
		expectInvalid(rt, err)
		return
	}
	if err != nil {
		rt.Fatalf("create: %v", err)
	}
	m.given++
	want := token.Token{
		ID: m.given, UserID: m.tenant.Access.UserID, Version: 1, KeyHash: key.Hash(), Mask: key.Mask(),
		CreatedTime: m.now(), AccessedTime: m.now(), ExpiredTime: token.Never,
	}
	assign(&want, u)
	m.same(rt, got, want)
	m.model[want.ID] = want
}

func (m *modelTest) get(rt *rapid.T) {
	id := m.pick(rt)
	got, err := m.tenant.Get(rt.Context(), m.tenant.Access, id)
	if want, ok := m.found(rt, id, err); ok {
		m.same(rt, got, want)
	}
}

func (m *modelTest) update(rt *rapid.T) {
	id, u := m.pick(rt), drawUpdate(rt, m.now())
	got, err := m.tenant.Update(rt.Context(), m.tenant.Access, id, u)
	if u.ModelLimitsEnabled != nil && *u.ModelLimitsEnabled && u.Models != nil && len(u.Models) == 0 {
		expectInvalid(rt, err) // before the token is looked at
		return
	}
	want, ok := m.model[id]
	if ok {
		assign(&want, u)
	}
	// Model limits need models, so neither enabling the limits without models nor
	// removing all models is allowed.
	turnsOn := u.ModelLimitsEnabled != nil && *u.ModelLimitsEnabled
	if ok && (turnsOn || u.Models != nil) && want.ModelLimitsEnabled && len(want.Models) == 0 {
		expectInvalid(rt, err)
		return
	}
	if _, ok := m.found(rt, id, err); ok {
		want.Version++
		m.same(rt, got, want)
		m.model[id] = want
	}
}

func (m *modelTest) setStatus(rt *rapid.T) {
	id, disabled := m.pick(rt), rapid.Bool().Draw(rt, "disabled")
	got, err := m.tenant.SetStatus(rt.Context(), m.tenant.Access, id, disabled)
	want, ok := m.model[id]
	want.Disabled = disabled
	refusals := map[token.Status]error{token.Expired: token.ErrExpired, token.Exhausted: token.ErrExhausted}
	if refusal := refusals[want.StatusAt(m.now())]; ok && refusal != nil {
		if !errors.Is(err, refusal) {
			rt.Fatalf("enable %d: got error %v, want %v", id, err, refusal)
		}
		return
	}
	if _, ok := m.found(rt, id, err); ok {
		want.Version++
		m.same(rt, got, want)
		m.model[id] = want
	}
}

func (m *modelTest) delete(rt *rapid.T) {
	id := m.pick(rt)
	m.found(rt, id, m.tenant.Delete(rt.Context(), m.tenant.Access, id))
	delete(m.model, id)
}

func (m *modelTest) list(rt *rapid.T) {
	page, size := rapid.Int64Range(1, 5).Draw(rt, "page"), rapid.Int64Range(1, 12).Draw(rt, "size")
	got, err := m.tenant.List(rt.Context(), m.tenant.Access, page, size)
	if err != nil {
		rt.Fatalf("list: %v", err)
	}
	want := naivePage(slices.Sorted(maps.Keys(m.model)), page, size)
	m.samePage(rt, got, want)
	next := int64(0)
	if page*size < int64(len(m.model)) {
		next = want[len(want)-1]
	}
	if got.Next != next {
		rt.Fatalf("got next %d after page %d, want %d", got.Next, page, next)
	}
}

func (m *modelTest) after(rt *rapid.T) {
	id, size := m.pick(rt), rapid.Int64Range(1, 12).Draw(rt, "size")
	got, err := m.tenant.ListAfter(rt.Context(), m.tenant.Access, id, size)
	if err != nil {
		rt.Fatalf("list after %d: %v", id, err)
	}
	below := slices.DeleteFunc(slices.Sorted(maps.Keys(m.model)), func(other int64) bool { return other >= id })
	want := naivePage(below, 1, size)
	m.samePage(rt, got, want)
	next := int64(0)
	if len(below) > len(want) {
		next = want[len(want)-1]
	}
	if got.Next != next {
		rt.Fatalf("got next %d, want %d", got.Next, next)
	}
}

func (m *modelTest) step(rt *rapid.T) {
	m.tenant.Clock.Advance(rapid.OneOf(rapid.Int64Range(1, 40), rapid.Just(int64(token.KeyShownSeconds/2))).Draw(rt, "seconds"))
}

// found checks that the call failed exactly if there is no token with the id.
func (m *modelTest) found(rt *rapid.T, id int64, err error) (token.Token, bool) {
	want, ok := m.model[id]
	if ok && err != nil || !ok && !errors.Is(err, token.ErrNotFound) {
		rt.Fatalf("token %d: got error %v, but whether it exists is %v", id, err, ok)
	}
	return want, ok
}

func (m *modelTest) same(rt *rapid.T, got, want token.Token) {
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreTypes(token.SealedKey{})); diff != "" {
		rt.Fatalf("token %d -want +got:\n%s", want.ID, diff)
	}
	key, err := got.IssuedKey(m.tenant.Access, m.now())
	if m.now() >= want.CreatedTime+token.KeyShownSeconds {
		if !errors.Is(err, token.ErrKeyNotAvailable) {
			rt.Fatalf("token %d: the key can still be read: %v", want.ID, err)
		}
	} else if err != nil || key.Hash() != want.KeyHash {
		rt.Fatalf("token %d: the key can't be read: %v", want.ID, err)
	}
	status := token.Enabled
	switch { // the first reason that applies decides
	case want.Disabled:
		status = token.Disabled
	case want.ExpiredTime != token.Never && want.ExpiredTime <= m.now():
		status = token.Expired
	case want.RemainQuota == 0 && !want.UnlimitedQuota:
		status = token.Exhausted
	}
	if now := got.StatusAt(m.now()); now != status {
		rt.Fatalf("token %d: got status %d, want %d", want.ID, now, status)
	}
}

func (m *modelTest) samePage(rt *rapid.T, got token.Page, want []int64) {
	if !slices.Equal(idsOf(got), want) || got.Total != int64(len(m.model)) {
		rt.Fatalf("got ids %v of %d, want %v of %d", idsOf(got), got.Total, want, len(m.model))
	}
	for _, tok := range got.Tokens {
		m.same(rt, tok, m.model[tok.ID])
	}
}

func expectInvalid(rt *rapid.T, err error) {
	var invalid *token.InvalidError
	if !errors.As(err, &invalid) {
		rt.Fatalf("got error %v, want an InvalidError", err)
	}
}

// drawUpdate draws settings, each of which is absent half of the time.
func drawUpdate(rt *rapid.T, now int64) token.Settings {
	expiries := []int64{token.Never, now - 10, now, now + 10, now + 60}
	return token.Settings{
		Name:               maybe(rt, "name", rapid.SampledFrom([]string{"c", "d"})),
		Disabled:           maybe(rt, "disabled", rapid.Bool()),
		ExpiredTime:        maybe(rt, "expired_time", rapid.SampledFrom(expiries)),
		RemainQuota:        maybe(rt, "remain_quota", rapid.SampledFrom([]int64{0, 1, token.MaxInteger})),
		UnlimitedQuota:     maybe(rt, "unlimited_quota", rapid.Bool()),
		ModelLimitsEnabled: maybe(rt, "model_limits_enabled", rapid.Bool()),
		Models:             maybeList(rt, "models", rapid.SampledFrom([][]string{{}, {"m1"}, {"m1", "m2"}})),
		AllowIPs:           maybeList(rt, "allow_ips", rapid.SampledFrom([][]string{{}, {"10.0.0.0/8"}})),
		Group:              maybe(rt, "group", rapid.SampledFrom([]string{"", "team"})),
	}
}

func maybe[T any](rt *rapid.T, name string, values *rapid.Generator[T]) *T {
	return rapid.Ptr(values, true).Draw(rt, name)
}

func maybeList(rt *rapid.T, name string, values *rapid.Generator[[]string]) []string {
	if list := maybe(rt, name, values); list != nil {
		return *list
	}
	return nil
}

// assign applies settings to a token.
func assign(t *token.Token, u token.Settings) {
	set(&t.Name, u.Name)
	set(&t.Disabled, u.Disabled)
	set(&t.ExpiredTime, u.ExpiredTime)
	set(&t.UnlimitedQuota, u.UnlimitedQuota)
	set(&t.ModelLimitsEnabled, u.ModelLimitsEnabled)
	set(&t.Group, u.Group)
	if !t.UnlimitedQuota { // spec: "Ignored if unlimited_quota is true"
		set(&t.RemainQuota, u.RemainQuota)
	}
	if u.Models != nil {
		t.Models = u.Models
	}
	if u.AllowIPs != nil {
		t.AllowIPs = u.AllowIPs
	}
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
