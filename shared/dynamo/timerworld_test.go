package dynamo_test

import (
	"encoding/json"

	"github.com/latchkey-api/latchkey/shared/event"
)

// A notice is which event of an expiry was told.
type notice struct{ tokenID, expires, daysLeft int64 }

// check compares what was told with what had to be.
func (w *expiryWorld) check() {
	ids, first := map[notice]string{}, map[notice]int64{}
	for _, told := range w.told {
		var data event.Expiring // has the fields of both
		if err := json.Unmarshal(told.event.Data, &data); err != nil {
			w.t.Fatal(err)
		}
		n := notice{data.TokenID, data.ExpiredTime, data.DaysLeft}
		if (told.event.Type == event.TokenExpired) != (n.daysLeft == 0) || data.SecondsLeft != n.daysLeft*day {
			w.t.Errorf("round %d: got %+v", w.number, told.event)
		}
		if id, known := ids[n]; known && id != told.event.ID {
			w.t.Errorf("round %d: %+v has two IDs, %s and %s", w.number, n, id, told.event.ID)
		}
		if _, known := ids[n]; !known {
			ids[n], first[n] = told.event.ID, told.at
		}
		w.checkTold(n, told.at)
	}
	unique := map[string]notice{}
	for n, id := range ids {
		if other, known := unique[id]; known {
			w.t.Errorf("round %d: %+v and %+v have the same ID", w.number, n, other)
		}
		unique[id] = n
	}
	for id, spans := range w.tokens {
		for _, s := range spans {
			w.checkAllTold(id, s, first)
		}
	}
}

// checkTold checks that something was true when it was told.
func (w *expiryWorld) checkTold(n notice, at int64) {
	moment := n.expires - n.daysLeft*day
	for i, s := range w.tokens[n.tokenID] {
		switch {
		case s.expires != n.expires || at < s.from || at > s.to || at < moment:
		case w.eligible(s, n.daysLeft):
			return
		case i > 0 && moment > s.from-usualDelay-120-w.delay: // an older timer of the token may be near
			w.unclear++
			return
		}
	}
	w.t.Errorf("round %d: %+v was told at %d, %d s after its moment; want it not told: %+v", w.number, n, at, at-moment, w.tokens[n.tokenID])
}

// eligible reports whether a notice has to be told if the token keeps the expiry.
func (w *expiryWorld) eligible(s expirySpan, daysLeft int64) bool {
	moment := s.expires - daysLeft*day
	if daysLeft > 0 {
		return moment > s.from+slack
	}
	return moment > s.from || s.before == 0 || s.before > s.from
}

// checkAllTold checks that everything about an expiry was told in time, as far as the
// token had it until then.
func (w *expiryWorld) checkAllTold(id int64, s expirySpan, first map[notice]int64) {
	if s.expires == 0 || s.folded == 0 {
		return
	}
	for _, daysLeft := range []int64{7, 1, 0} {
		moment := s.expires - daysLeft*day
		deadline := max(moment, s.folded) + longestDelay + w.delay
		if moment > s.folded+120 {
			deadline = moment + usualDelay + w.delay
		}
		if !w.eligible(s, daysLeft) || s.to <= deadline {
			continue
		}
		at, told := first[notice{id, s.expires, daysLeft}]
		if !told || at > deadline {
			w.t.Errorf("round %d: token %d, %d days before %d: told %v at %d, want by %d: %+v", w.number, id, daysLeft, s.expires, told, at, deadline, s)
		}
	}
}
