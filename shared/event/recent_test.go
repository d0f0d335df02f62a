package event_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/event"
)

// A key is known for one to two hours, and until many others came.
func TestRecent(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_700_000_000, 0)
	now := start
	r := event.NewRecent(func() time.Time { return now })
	for _, age := range []time.Duration{0, 59 * time.Minute} {
		now = start.Add(age)
		key := age.String()
		if r.Has(key) {
			t.Errorf("%s is known before it was added", key)
		}
		r.Add(key)
		for _, later := range []time.Duration{0, 30 * time.Minute, time.Hour} {
			now = start.Add(age + later)
			if age+later < 2*time.Hour && !r.Has(key) {
				t.Errorf("%s is forgotten after %s", key, later)
			}
		}
		now = start.Add(age)
	}
	now = start.Add(5 * time.Hour)
	if r.Has("0s") || r.Has("59m0s") {
		t.Error("a key is known after hours")
	}
	r.Add("first")
	for i := range 50_000 {
		r.Add(strconv.Itoa(i))
	}
	if r.Has("first") || !r.Has("49999") || !r.Has("40000") {
		t.Error("the oldest of 50,000 keys is known, or a late one is not")
	}
}
