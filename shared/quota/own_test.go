package quota_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// own makes an operation that of a caller whose hold nobody else can end.
func own(held int64, o quota.Operation) quota.Operation {
	o.Own = quota.Own{Forget: true, Held: held}
	return o
}

// again is the repetition of an operation that may have been applied.
func again(o quota.Operation) quota.Operation {
	o.Tried = true
	return o
}

// grow raises the hold "a".
func grow(from, to int64) quota.Operation {
	return own(from, quota.Operation{Kind: quota.KindGrow, Now: now, Question: quota.Question{RequestID: "a", Quota: to}})
}

func cancel(id string) quota.Operation {
	o := release(id)
	o.Cancel = true
	return o
}

// TestApplyToOwnHold checks the units and the number of records after each
// operation of a sequence with a hold of the caller's own.
func TestApplyToOwnHold(t *testing.T) {
	for name, sequence := range map[string][]struct {
		line
		records int
	}{
		"settled": {
			{line{own(0, reserve("a", 8)), nil, 2, 8, 0}, 1},
			{line{own(8, settle("a", 5)), nil, 5, 0, 5}, 0},
			{line{again(own(8, settle("a", 5))), nil, 5, 0, 5}, 0},
			{line{own(8, settle("a", 5)), quota.ErrHoldNotFound, 5, 0, 5}, 0},
		},
		"settled for more": {
			{line{own(0, reserve("a", 4)), nil, 6, 4, 0}, 1},
			{line{own(4, settle("a", 9)), nil, 1, 0, 9}, 0},
			{line{again(own(4, settle("a", 9))), nil, 1, 0, 9}, 0},
		},
		"settled with a shortfall": {
			{line{own(0, reserve("a", 4)), nil, 6, 4, 0}, 1},
			{line{own(4, settle("a", 15)), nil, 0, 0, 10}, 1},
			{line{again(own(4, settle("a", 15))), nil, 0, 0, 10}, 1},
		},
		"released": {
			{line{own(0, reserve("a", 4)), nil, 6, 4, 0}, 1},
			{line{own(4, release("a")), nil, 10, 0, 0}, 0},
			{line{again(own(4, release("a"))), nil, 10, 0, 0}, 0},
		},
		"expired": {
			{line{own(0, reserve("a", 4)), nil, 6, 4, 0}, 1},
			{line{after(60, again(own(4, settle("a", 4)))), quota.ErrHoldExpired, 10, 0, 0}, 1},
			{line{after(60, spend("", 1)), nil, 9, 0, 1}, 1},
			{line{after(119, again(own(4, settle("a", 4)))), quota.ErrHoldExpired, 9, 0, 1}, 1},
		},
		"grown": {
			{line{own(0, reserve("a", 4)), nil, 6, 4, 0}, 1},
			{line{grow(4, 7), nil, 3, 7, 0}, 1},
			{line{grow(4, 7), nil, 3, 7, 0}, 1},
			{line{grow(7, 5), nil, 3, 7, 0}, 1},
			{line{grow(7, 11), quota.RefusedExhausted.Err(), 3, 7, 0}, 1},
			{line{grow(7, 10), nil, 0, 10, 0}, 1},
			{line{own(4, settle("a", 6)), nil, 4, 0, 6}, 0},
			{line{grow(4, 7), quota.ErrHoldNotFound, 4, 0, 6}, 0},
		},
		"given up before it arrives": {
			{line{cancel("a"), nil, 10, 0, 0}, 1},
			{line{cancel("a"), nil, 10, 0, 0}, 1},
			{line{own(0, reserve("a", 4)), quota.ErrRequestReused, 10, 0, 0}, 1},
		},
		"given up after it arrived": {
			{line{own(0, reserve("a", 4)), nil, 6, 4, 0}, 1},
			{line{cancel("a"), nil, 10, 0, 0}, 1},
			{line{own(0, reserve("a", 4)), quota.ErrHoldReleased, 10, 0, 0}, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := ledgerOf(10, nil)
			for i, line := range sequence {
				next, _, err := line.operation.Apply(l)
				if !errors.Is(err, line.err) || (err == nil) != (line.err == nil) {
					t.Fatalf("line %d: got error %v, want %v", i, err, line.err)
				}
				l = next
				at := line.operation.Now
				if free, held, used := l.FreeAt(at), l.HeldAt(at), l.UsedAt(at); free != line.free || held != line.held || used != line.used || len(l.Records) != line.records {
					t.Fatalf("line %d: got %d free, %d held, %d used, %d records, want %d, %d, %d, %d",
						i, free, held, used, len(l.Records), line.free, line.held, line.used, line.records)
				}
			}
		})
	}
}

// FuzzRequestID checks that a request id is accepted exactly if it has the
// documented form.
func FuzzRequestID(f *testing.F) {
	for _, id := range []string{"", "r", strings.Repeat("r", 21), strings.Repeat("r", 22), strings.Repeat("r", 128), strings.Repeat("r", 129), strings.Repeat("r", 22) + "\n", strings.Repeat("é", 22), quota.NewRequestID(5, 6)} {
		f.Add(id)
	}
	form := regexp.MustCompile(`\A[A-Za-z0-9_-]{22,128}\z`)
	f.Fuzz(func(t *testing.T, id string) {
		var invalid *quota.InvalidError
		err := quota.CheckRequestID(id)
		if (err == nil) != form.MatchString(id) || err != nil && !errors.As(err, &invalid) {
			t.Errorf("%q: got %v", id, err)
		}
	})
}

// A hold that grows takes the units from the quotas that get them back, whatever
// model the growth names.
func TestGrowWithAnotherModel(t *testing.T) {
	for _, model := range []string{"m1", "m2", ""} {
		l := ledgerOf(100, nil)
		l.ModelQuotas = []token.ModelQuota{{Model: "m1", Quota: 10}, {Model: "m2", Quota: 50}}
		do := func(o quota.Operation, want error) {
			t.Helper()
			next, _, err := o.Apply(l)
			if !errors.Is(err, want) {
				t.Fatalf("growth of %q: got error %v, want %v", model, err, want)
			}
			l = next
		}
		first := reserve("a", 4)
		first.Model = "m1"
		do(own(0, first), nil)
		larger, tooLarge := grow(4, 8), grow(8, 11)
		larger.Model, tooLarge.Model = model, model
		do(larger, nil)
		do(tooLarge, quota.RefusedExhausted.Err())
		if left := l.ModelQuotas[0].Left; left != 2 {
			t.Errorf("growth of %q: got %d left for m1, want 2", model, left)
		}
		do(own(8, settle("a", 5)), nil)
		if left := l.ModelQuotas[0].Left; left != 5 {
			t.Errorf("growth of %q, settled: got %d left for m1, want 5", model, left)
		}
	}
}
