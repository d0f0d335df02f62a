package token_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/token"
)

// An admission is n changes at a time, by the fastest of the clocks.
type admission struct{ at, n int64 }

// paceModel is one user, and processes that admit its changes. They share only
// User.ChangeTAT.
type paceModel struct {
	u        token.User
	debts    []token.ChangeDebt
	behind   []int64 // by which each process's clock is behind the fastest
	admitted []admission
	largest  int64 // number of changes of one request
}

// ask lets a process decide about n changes.
func (m *paceModel) ask(process int, n, now int64) error {
	debt, record, err := m.u.AdmitChanges(m.debts[process], n, now-m.behind[process])
	if err != nil {
		return err
	}
	if record != 0 {
		m.u.ChangeTAT, debt = record, debt.Minus(m.debts[process])
	}
	m.debts[process] = debt
	m.admitted = append(m.admitted, admission{now, n})
	m.largest = max(m.largest, n)
	return nil
}

// check compares every interval with the promise.
func (m *paceModel) check(rt *rapid.T) {
	rt.Helper()
	each := second / m.u.Limits.ChangesPerSecond
	debt := min(token.MaxChangeDebt, m.u.Limits.ChangeBurst/10)
	var skew int64
	for _, behind := range m.behind {
		skew = max(skew, behind)
	}
	for i, first := range m.admitted {
		var sum int64
		for _, a := range m.admitted[i:] {
			sum += a.n
			most := max(m.u.Limits.ChangeBurst, m.largest) + (a.at-first.at+skew)/each + debt*int64(len(m.debts)+1)
			if sum > most {
				rt.Fatalf("%d changes in %d µs by %d processes, want at most %d", sum, a.at-first.at, len(m.debts), most)
			}
		}
	}
}

// TestChangeRate checks random changes by several processes, whose clocks
// differ, against the promise of AdmitChanges for every interval. A request
// after the time in RetryAfter succeeds, if no other came.
func TestChangeRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &paceModel{u: token.User{Limits: token.Limits{
			ChangesPerSecond: rapid.Int64Range(1, 100).Draw(rt, "rate"),
			ChangeBurst:      rapid.Int64Range(1, 300).Draw(rt, "burst"),
		}}}
		processes := rapid.IntRange(1, 5).Draw(rt, "processes")
		m.debts, m.behind = make([]token.ChangeDebt, processes), make([]int64, processes)
		if rapid.Bool().Draw(rt, "skewed") {
			for i := range m.behind {
				m.behind[i] = rapid.Int64Range(0, 60*second).Draw(rt, "behind")
			}
		}
		now := int64(1_700_000_000) * second
		for range rapid.IntRange(1, 200).Draw(rt, "requests") {
			now += rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, second/10), rapid.Int64Range(0, 5*second)).Draw(rt, "pause")
			n := rapid.OneOf(rapid.Just(int64(1)), rapid.Int64Range(1, token.MaxBatchIDs)).Draw(rt, "n")
			process := rapid.IntRange(0, processes-1).Draw(rt, "process")
			err := m.ask(process, n, now)
			var early *token.ChangeRateError
			if errors.As(err, &early) && early.RetryAfter > 0 {
				_, _, err = m.u.AdmitChanges(m.debts[process], n, now-m.behind[process]+early.RetryAfter*second)
			}
			if err != nil {
				rt.Fatalf("got error %v, want none, or a *token.ChangeRateError that ends after its RetryAfter", err)
			}
		}
		m.check(rt)
	})
}

// TestChangeBurst checks exactly how many changes one process admits at once, and
// again after each pause: a burst and the changes that it owes. Two batches of 100
// are possible at once.
func TestChangeBurst(t *testing.T) {
	t.Parallel()
	m := &paceModel{u: token.User{Limits: token.DefaultLimits()}, debts: make([]token.ChangeDebt, 1), behind: make([]int64, 1)}
	now := int64(1_700_000_000) * second
	for i, want := range []int{200, 0, 20, 40, 200} {
		now += []int64{0, 0, second, 2 * second, 1000 * second}[i]
		got := 0
		for m.ask(0, 1, now) == nil {
			got++
		}
		if got > want || got < want-token.MaxChangeDebt && want > 0 {
			t.Errorf("step %d: %d changes were made, want %d, or up to %d fewer to make up for debts", i, got, want, token.MaxChangeDebt)
		}
	}
	now += 1000 * second
	for i := range 2 {
		if err := m.ask(0, token.MaxBatchIDs, now); err != nil {
			t.Errorf("batch %d: got %v, want it admitted", i+1, err)
		}
	}
	if err := m.ask(0, 1, now); err == nil {
		t.Error("a change after two batches was admitted, want it refused")
	}
}

// TestSmallChangeBurst checks that a burst below 10 is exact: no process admits a
// change that it does not record.
func TestSmallChangeBurst(t *testing.T) {
	t.Parallel()
	m := &paceModel{u: token.User{Limits: token.Limits{ChangesPerSecond: 1, ChangeBurst: 9}}, debts: make([]token.ChangeDebt, 20), behind: make([]int64, 20)}
	got := 0
	for process := range m.debts {
		if m.ask(process, 1, 1_700_000_000*second) == nil {
			got++
		}
	}
	if got != 9 {
		t.Errorf("20 processes admitted %d changes, want 9", got)
	}
}

// TestChangeRateClockAhead checks that a change by a process whose clock was far
// ahead does not block the user for longer than some minutes.
func TestChangeRateClockAhead(t *testing.T) {
	t.Parallel()
	now := int64(1_700_000_000) * second
	u := token.User{Limits: token.DefaultLimits(), ChangeTAT: now + 1_000_000*second}
	_, _, err := u.AdmitChanges(token.ChangeDebt{}, 1, now)
	var early *token.ChangeRateError
	if !errors.As(err, &early) || early.RetryAfter > 67 {
		t.Errorf("got error %v, want one that says to wait for 67 s at most", err)
	}
}
