package dynamo_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// The wait is the 99th percentile of the last minute, of the calls before it none; it is
// up to a fifth longer than the exact one.
func TestLatencies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, started := dynamo.NewLatencies(), time.Unix(rapid.Int64Range(1e9, 2e9).Draw(t, "started"), 0)
		old := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Second)), 0, 300).Draw(t, "old")
		recent := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Second)), 0, 300).Draw(t, "recent")
		age := time.Duration(rapid.IntRange(11, 500).Draw(t, "age")) * time.Second // 60 s at the end
		for _, took := range old {
			l.Add(started.Add(-age), time.Duration(took))
		}
		for i, took := range recent {
			l.Add(started.Add(time.Duration(i*49/len(recent))*time.Second), time.Duration(took))
		}
		got := l.P99(started.Add(49 * time.Second))
		if len(recent) < 100 {
			if got != 0 {
				t.Fatalf("got %v of %d calls, want 0", got, len(recent))
			}
			return
		}
		slices.Sort(recent)
		exact := max(time.Duration(recent[len(recent)-1-len(recent)/100]), 5*time.Millisecond)
		if got < exact || float64(got) > 1.2*float64(exact) {
			t.Fatalf("got %v, want %v or up to a fifth more", got, exact)
		}
	})
}
