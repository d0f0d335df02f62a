package token

const secondMicros = 1_000_000

// A pace is a rate limit by the generic cell rate algorithm (GCRA, ITU-T I.371).
// Its state is one time, the "theoretical arrival time" (TAT): when all items so
// far would have come at the long-term rate, one after the other. It may be
// ahead of now by a burst. All times are in microseconds.
type pace struct {
	each  int64 // the time that one item takes at the long-term rate
	burst int64 // the time that a burst takes
}

func newPace(perSecond, burst int64) pace {
	each := secondMicros / perSecond
	return pace{each, burst * each}
}

// wait returns how long n more items have to wait if the items before them take
// until start, which is not before now. More items than a burst wait for the
// whole burst.
func (p pace) wait(start, n, now int64) int64 {
	return max(0, start+min(n*p.each, p.burst)-p.burst-now)
}

// roundUp returns whole seconds.
func roundUp(micros int64) int64 { return (micros + secondMicros - 1) / secondMicros }

// TokensPerRead is how many tokens a search reads for one change.
const TokensPerRead = 200

// ChangesOfReading returns how many changes it counts as to read n tokens.
func ChangesOfReading(n int64) int64 { return max(1, (n+TokensPerRead-1)/TokensPerRead) }

// MaxChangeDebt is how many changes a process may admit before it records them.
const MaxChangeDebt = 19

// MaxBatchIDs is the largest number of tokens that one batch changes.
const MaxBatchIDs = 100

// maxClockLead is how far ahead another process's clock may be for the change
// rate to hold: a minute.
const maxClockLead = 60 * secondMicros

// A ChangeRateError means that the user makes changes, or searches, faster than
// its limits allow. Nothing was done.
type ChangeRateError struct{ RetryAfter int64 } // seconds, at least 1

func (e *ChangeRateError) Error() string { return "changes are made too fast" }

// A ChangeDebt is the changes of a user that one process has admitted and not
// yet recorded in User.ChangeTAT.
type ChangeDebt struct {
	Changes int64
	tat     int64 // of these changes alone
}

// Minus returns the debt without a part of it that was recorded.
func (d ChangeDebt) Minus(part ChangeDebt) ChangeDebt {
	return ChangeDebt{d.Changes - part.Changes, d.tat}
}

// AdmitChanges decides whether the user may make n changes at a time in Unix
// microseconds; if not, the error is a *ChangeRateError. owed is what the
// process owes. If record is 0, the changes are admitted, and debt is what it then
// owes. Else they are admitted once record is stored as the user's ChangeTAT in
// place of the present one, and it covers all that the process owes.
//
// An update, a rotation, a deletion and each id of a batch is one change; a
// search is one for each TokensPerRead tokens that it reads, rounded up. Creates
// have a limit of their own.
//
// So that most changes cost no write, a process records them together. A debt is
// always recorded in full, however old it is. So with P processes no interval has
// more changes than the burst, the rate times the interval's length, and P+1
// times the largest debt. If clocks differ by d, up to a minute, it is the rate
// times d more. A request for more changes than a burst is admitted once the
// whole burst is available.
func (u User) AdmitChanges(owed ChangeDebt, n, now int64) (debt ChangeDebt, record int64, err error) {
	if u.Limits.ChangesPerSecond == 0 {
		return ChangeDebt{}, 0, nil
	}
	p := newPace(u.Limits.ChangesPerSecond, u.Limits.ChangeBurst)
	start := max(min(u.ChangeTAT, now+p.burst+(MaxBatchIDs+MaxChangeDebt)*p.each+maxClockLead), now)
	// Without the pause since they were made, old debts would refuse a burst.
	recent := min(max(owed.tat-now, 0), owed.Changes*p.each)
	if wait := p.wait(start+recent, n, now); wait > 0 {
		return owed, 0, &ChangeRateError{RetryAfter: roundUp(wait)}
	}
	total := owed.Changes + n
	if total <= maxDebt(u.Limits.ChangeBurst) {
		return ChangeDebt{total, max(owed.tat, now) + n*p.each}, 0, nil
	}
	return owed, start + total*p.each, nil
}

// maxDebt is the largest debt with a burst: small beside it, so that a small
// burst is exact.
func maxDebt(burst int64) int64 { return min(MaxChangeDebt, burst/10) }
