package quota_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"
)

// The operations of the tests, all at second now.
func spend(id string, units int64) quota.Operation {
	return quota.Operation{Kind: quota.KindSpend, Now: now, Question: quota.Question{RequestID: id, Quota: units}}
}

func reserve(id string, units int64) quota.Operation {
	return quota.Operation{Kind: quota.KindReserve, Now: now, ExpiresAt: now + 60, Question: quota.Question{RequestID: id, Quota: units}}
}

func settle(id string, units int64) quota.Operation {
	return quota.Operation{Kind: quota.KindSettle, Now: now, Question: quota.Question{RequestID: id, Quota: units}}
}

func release(id string) quota.Operation {
	return quota.Operation{Kind: quota.KindRelease, Now: now, Question: quota.Question{RequestID: id}}
}

func after(seconds int64, o quota.Operation) quota.Operation {
	o.Now += seconds
	if o.ExpiresAt != 0 {
		o.ExpiresAt += seconds
	}
	return o
}

// A line is an operation with its error and the units after it.
type line struct {
	operation        quota.Operation
	err              error
	free, held, used int64
}

// TestApply checks free, held and used units after each operation of a
// sequence on one token.
func TestApply(t *testing.T) {
	for name, sequence := range map[string][]line{
		"a spend is charged once": {
			{spend("a", 4), nil, 6, 0, 4},
			{spend("a", 4), nil, 6, 0, 4},
			{spend("a", 5), quota.ErrRequestReused, 6, 0, 4},
			{spend("", 4), nil, 2, 0, 8},
			{spend("", 2), nil, 0, 0, 10},
			{spend("", 1), quota.RefusedExhausted.Err(), 0, 0, 10},
			{spend("a", 4), nil, 0, 0, 10},
		},
		"a hold is settled for less": {
			{reserve("a", 8), nil, 2, 8, 0},
			{reserve("a", 8), nil, 2, 8, 0},
			{reserve("a", 7), quota.ErrRequestReused, 2, 8, 0},
			{spend("a", 8), quota.ErrRequestReused, 2, 8, 0},
			{settle("a", 5), nil, 5, 0, 5},
			{settle("a", 5), nil, 5, 0, 5},
			{settle("a", 8), quota.ErrRequestReused, 5, 0, 5},
			{release("a"), quota.ErrHoldSettled, 5, 0, 5},
			{reserve("a", 8), quota.ErrHoldSettled, 5, 0, 5},
		},
		"a hold is settled for more than there is": {
			{reserve("a", 8), nil, 2, 8, 0},
			{settle("a", 15), nil, 0, 0, 10},
			{settle("a", 15), nil, 0, 0, 10},
			{settle("a", 10), quota.ErrRequestReused, 0, 0, 10},
		},
		"a hold is settled for nothing": {
			{reserve("a", 8), nil, 2, 8, 0},
			{settle("a", 0), nil, 10, 0, 0},
			{release("a"), quota.ErrHoldSettled, 10, 0, 0},
		},
		"a hold of nothing": {
			{reserve("a", 0), nil, 10, 0, 0},
			{settle("a", 3), nil, 7, 0, 3},
		},
		"a hold is released": {
			{reserve("a", 8), nil, 2, 8, 0},
			{release("a"), nil, 10, 0, 0},
			{release("a"), nil, 10, 0, 0},
			{settle("a", 8), quota.ErrHoldReleased, 10, 0, 0},
			{reserve("a", 8), quota.ErrHoldReleased, 10, 0, 0},
		},
		"a hold expires": {
			{reserve("a", 8), nil, 2, 8, 0},
			{after(59, spend("", 3)), quota.RefusedExhausted.Err(), 2, 8, 0},
			{after(60, spend("", 3)), nil, 7, 0, 3},
			{after(60, settle("a", 8)), quota.ErrHoldExpired, 7, 0, 3},
			{after(60, release("a")), quota.ErrHoldExpired, 7, 0, 3},
			{after(60, reserve("a", 8)), quota.ErrHoldExpired, 7, 0, 3},
		},
		"a hold is settled in its last second": {
			{reserve("a", 8), nil, 2, 8, 0},
			{after(59, settle("a", 8)), nil, 2, 0, 8},
		},
		"a hold is forgotten after 15 minutes": {
			{reserve("a", 8), nil, 2, 8, 0},
			{release("a"), nil, 10, 0, 0},
			{after(quota.RecordSeconds-1, settle("a", 8)), quota.ErrHoldReleased, 10, 0, 0},
			{after(quota.RecordSeconds, settle("a", 8)), quota.ErrHoldNotFound, 10, 0, 0},
			{after(quota.RecordSeconds, reserve("a", 9)), nil, 1, 9, 0},
		},
		"what never was a hold": {
			{settle("a", 1), quota.ErrHoldNotFound, 10, 0, 0},
			{release("a"), quota.ErrHoldNotFound, 10, 0, 0},
			{spend("a", 1), nil, 9, 0, 1},
			{settle("a", 1), quota.ErrHoldNotFound, 9, 0, 1},
			{release("a"), quota.ErrHoldNotFound, 9, 0, 1},
			{reserve("a", 1), quota.ErrRequestReused, 9, 0, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			checkLines(t, ledgerOf(10, nil), sequence)
		})
	}
}

// After a rotation, an open hold is repeated, grown, settled and released as
// before, and charged if it expires.
func TestApplyAfterRotation(t *testing.T) {
	lease := reserve("a", 8)
	lease.Lease, lease.ExpiryCharge = true, quota.ChargeAll
	for name, sequence := range map[string][]line{
		"repeated":            {{reserve("a", 8), nil, 2, 8, 0}},
		"another amount":      {{reserve("a", 7), quota.ErrRequestReused, 2, 8, 0}},
		"settled":             {{settle("a", 5), nil, 5, 0, 5}, {settle("a", 5), nil, 5, 0, 5}},
		"settled for more":    {{settle("a", 9), nil, 1, 0, 9}},
		"released":            {{release("a"), nil, 10, 0, 0}},
		"grown, then expired": {{grow(8, 9), nil, 1, 9, 0}, {after(60, spend("", 1)), nil, 0, 0, 10}},
		"expired":             {{after(60, spend("", 1)), nil, 1, 0, 9}, {after(60, reserve("a", 8)), quota.ErrHoldExpired, 1, 0, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, err := reserve("a", 8).Apply(ledgerOf(10, nil))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := lease.Apply(l); !errors.Is(err, quota.ErrRequestReused) {
				t.Errorf("a lease with the id of a hold: got error %v, want ErrRequestReused", err)
			}
			checkLines(t, l.ChargeOpenHolds(now), sequence)
		})
	}
}

// checkLines applies operations to a ledger, one after the other.
func checkLines(t *testing.T, l quota.Ledger, sequence []line) {
	t.Helper()
	for i, line := range sequence {
		next, _, err := line.operation.Apply(l)
		if !errors.Is(err, line.err) || (err == nil) != (line.err == nil) {
			t.Fatalf("line %d: got error %v, want %v", i, err, line.err)
		}
		l = next
		at := line.operation.Now
		if free, held, used := l.FreeAt(at), l.HeldAt(at), l.UsedAt(at); free != line.free || held != line.held || used != line.used {
			t.Fatalf("line %d: got %d free, %d held, %d used, want %d, %d, %d", i, free, held, used, line.free, line.held, line.used)
		}
	}
}

// TestRepeatedOperationGivesSameResult checks that a repeated operation has
// the first result, whatever happened in between.
func TestRepeatedOperationGivesSameResult(t *testing.T) {
	l := ledgerOf(10, nil)
	do := func(o quota.Operation) quota.Ledger {
		t.Helper()
		next, _, err := o.Apply(l)
		if err != nil {
			t.Fatal(err)
		}
		l = next
		return l
	}
	expect := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	for range 2 { // the second time, another hold was made
		o := reserve("a", 6)
		r := o.Reservation(do(o))
		expect("reserve a", []int64{r.Held, r.Remain, r.ExpiresAt}, []int64{6, 4, now + 60})
		o = reserve("b", 3)
		r = o.Reservation(do(o))
		expect("reserve b", []int64{r.Held, r.Remain, r.ExpiresAt}, []int64{3, 1, now + 60})
	}
	for range 2 { // the second time, both holds have ended
		o := settle("a", 9)
		s := o.Settlement(do(o))
		expect("settle a", []int64{s.Charged, s.Shortfall, s.Remain}, []int64{7, 2, 0})
		o = release("b")
		back := o.Release(do(o))
		expect("release b", []int64{back.Released, back.Remain}, []int64{3, 3})
	}
}

// TestRepetitionNeedsPermission checks that repeating a spend is refused if
// the key may no longer be used.
func TestRepetitionNeedsPermission(t *testing.T) {
	l, _, err := spend("a", 10).Apply(ledgerOf(10, nil))
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[quota.Refusal]func(*quota.Ledger){
		quota.RefusedDisabled: func(l *quota.Ledger) { l.Disabled = true },
		quota.RefusedExpired:  func(l *quota.Ledger) { l.ExpiredTime = now },
		quota.RefusedModel:    func(l *quota.Ledger) { l.ModelLimitsEnabled = true },
	} {
		changed := l
		change(&changed)
		again := spend("a", 10)
		again.Model = "m1"
		if got, _, err := again.Apply(changed); !errors.Is(err, want.Err()) || got.UsedQuota != 10 {
			t.Errorf("got error %v and %d used, want %v and 10", err, got.UsedQuota, want)
		}
	}
}

// TestMaxOpenHolds checks that a token has at most MaxOpenHolds open holds,
// and which operations still work at that limit.
func TestMaxOpenHolds(t *testing.T) {
	l := ledgerOf(1000, nil)
	var err error
	for n := range quota.MaxOpenHolds {
		if l, _, err = reserve(fmt.Sprint(n), 1).Apply(l); err != nil {
			t.Fatalf("hold %d: %v", n, err)
		}
	}
	if _, _, err := reserve("one more", 1).Apply(l); !errors.Is(err, quota.ErrTooManyOpen) {
		t.Errorf("got error %v, want ErrTooManyOpen", err)
	}
	if _, changed, err := reserve("7", 1).Apply(l); changed || err != nil {
		t.Errorf("one that is open already: got error %v, changed %v, want it answered again", err, changed)
	}
	if _, _, err := spend("", 950).Apply(l); err != nil {
		t.Errorf("a spend: got error %v, want it beside the holds", err)
	}
	if l, _, err = settle("7", 1).Apply(l); err != nil {
		t.Fatal(err)
	}
	if _, _, err := reserve("one more", 1).Apply(l); err != nil {
		t.Errorf("after one has ended: got error %v, want none", err)
	}
}

// TestUnlimitedToken checks that operations on an unlimited token count its
// use and leave its balance unchanged.
func TestUnlimitedToken(t *testing.T) {
	l := ledgerOf(3, nil)
	l.Balance.Unlimited = true
	var err error
	for _, o := range []quota.Operation{spend("", 100), reserve("a", 50), settle("a", 70), reserve("b", 50), release("b")} {
		if l, _, err = o.Apply(l); err != nil {
			t.Fatal(err)
		}
	}
	if l.UsedQuota != 170 || l.RemainQuota != 3 {
		t.Errorf("got %d used, %d left, want 170 counted and 3 untouched", l.UsedQuota, l.RemainQuota)
	}
}

// TestHoldReturnsWhatItTook checks that a hold returns the units that it took,
// even if the token's UnlimitedQuota has changed since.
func TestHoldReturnsWhatItTook(t *testing.T) {
	for name, row := range map[string]struct {
		unlimited  bool // when it is made; the opposite when it ends
		end        quota.Operation
		free, used int64
	}{
		"made limited, settled unlimited":       {false, settle("a", 5), 10, 5},
		"made limited, released unlimited":      {false, release("a"), 10, 0},
		"made unlimited, settled limited":       {true, settle("a", 4), 6, 4},
		"made unlimited, settled for too much":  {true, settle("a", 40), 0, 10},
		"made unlimited, settled for all held":  {true, settle("a", 8), 2, 8},
		"made unlimited, released when limited": {true, release("a"), 10, 0},
	} {
		l := ledgerOf(10, nil)
		l.Balance.Unlimited = row.unlimited
		l, _, err := reserve("a", 6).Apply(l)
		if err != nil {
			t.Fatal(err)
		}
		l.Balance.Unlimited = !row.unlimited
		if l, _, err = row.end.Apply(l); err != nil || l.RemainQuota != row.free || l.UsedQuota != row.used {
			t.Errorf("%s: got %d free, %d used (%v), want %d and %d", name, l.RemainQuota, l.UsedQuota, err, row.free, row.used)
		}
	}
}

// A hold of an unlimited token is charged even if the token has become limited
// since, to fewer units than were held; and it grows only if these have the
// units, else an owner could make a request free by changing the token.
func TestHoldOfTokenThatBecameLimited(t *testing.T) {
	for name, sequence := range map[string][]line{
		"settled":       {{settle("a", 6), nil, 0, 0, 6}, {settle("a", 6), nil, 0, 0, 6}},
		"settled fully": {{settle("a", 20), nil, 0, 0, 8}},
		"released":      {{release("a"), nil, 3, 0, 0}},
		"grown":         {{grow(8, 9), quota.RefusedExhausted.Err(), 3, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			l := ledgerOf(10, nil)
			l.Balance.Unlimited = true
			l, _, err := reserve("a", 8).Apply(l)
			if err != nil {
				t.Fatal(err)
			}
			l.Balance = quota.Balance{Left: 3}
			checkLines(t, l.Compact(now), sequence)
		})
	}
}

// A hold that grows becomes as limited as its token is.
func TestGrowAfterChangeOfLimit(t *testing.T) {
	l, _, err := reserve("a", 4).Apply(ledgerOf(10, nil))
	if err != nil {
		t.Fatal(err)
	}
	l.Balance.Unlimited = true
	checkLines(t, l.Compact(now), []line{{grow(4, 50), nil, 10, 0, 0}})
	grown, _, err := grow(4, 50).Apply(l.Compact(now))
	if err != nil {
		t.Fatal(err)
	}
	grown.Balance.Unlimited, grown.Balance.Left = false, 60
	checkLines(t, grown.Compact(now), []line{{grow(50, 55), nil, 5, 55, 0}, {settle("a", 52), nil, 8, 0, 52}})
}
