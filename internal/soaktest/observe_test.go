package soaktest_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// An observation is what the server says about an account after the traffic.
type observation struct {
	total  int64 // of the list
	tokens map[int64]wire.Token
	budget wire.Budget
	minute wire.Window // of the token with a short window, which is in use
	days   map[useKey]sums
	tokenU map[int64]sums
	audit  int64
	events int64
}

// observe reads the server's side of all accounts. The history, the audit trail and
// webhooks are behind, so it waits until they have what the ledger has, but not forever.
func (s *soak) observe(t *testing.T) map[*account]*observation {
	t.Helper()
	deadline, all := time.Now().Add(2*time.Minute), map[*account]*observation{}
	for i, a := range s.accounts {
		w, o := s.workers[i*workersOfUser], new(observation)
		for {
			o.readHistory(w)
			o.readAudit(w)
			o.events = s.receiver.count(a)
			if o.caughtUp(a) || time.Now().After(deadline) || len(s.stats[failedReads].errorsOf()) > 0 {
				break
			}
			time.Sleep(200 * time.Millisecond) // the stream is read each second
		}
		o.readTokens(w)
		o.readMinute(w)
		if a.budget > 0 {
			w.read(wire.BudgetPath, &o.budget)
		}
		all[a] = o
	}
	return all
}

// failedReads is the operation under which reads of this file are counted.
const failedReads = "reads of the checks"

func (s *stat) errorsOf() []string {
	if s == nil {
		return nil
	}
	return s.errors
}

func (w *worker) read(path string, data any) {
	c := w.of(failedReads, http.MethodGet, path, "")
	c.data = data
	w.send(c)
}

// caughtUp reports whether the history and the audit trail have at least what the
// ledger has.
func (o *observation) caughtUp(a *account) bool {
	var units int64
	for _, u := range o.days {
		units += u.units
	}
	return units >= a.spent && o.audit >= a.changes && (!a.hooked || o.events >= a.hookable)
}

func (o *observation) readHistory(w *worker) {
	o.days, o.tokenU = map[useKey]sums{}, map[int64]sums{}
	for _, by := range []string{"day", "token"} {
		for after := ""; ; {
			var page wire.UsageHistory
			w.read(next(wire.SelfHistoryPath+"?by="+by, after), &page)
			for _, r := range page.Rows {
				one := sums{r.Requests, r.Units, r.InputTokens, r.OutputTokens}
				switch {
				case r.TokenID != nil:
					o.tokenU[*r.TokenID] = o.tokenU[*r.TokenID].plus(one)
				case r.Start != nil && r.Model != nil:
					k := useKey{*r.Start, *r.Model}
					o.days[k] = o.days[k].plus(one)
				}
			}
			if after = page.Next; after == "" {
				break
			}
		}
	}
}

func (o *observation) readAudit(w *worker) {
	o.audit = 0
	for after := ""; ; {
		var page wire.AuditPage
		w.read(next(wire.SelfAuditPath+"?page_size=100", after), &page)
		for _, e := range page.Items {
			if e.By == "user" {
				o.audit++
			}
		}
		if after = page.Next; after == "" {
			return
		}
	}
}

func (o *observation) readTokens(w *worker) {
	o.tokens = map[int64]wire.Token{}
	for after := ""; ; {
		var page wire.TokenPage
		w.read(next(wire.TokensPath+"/?page_size=100", after), &page)
		o.total = page.Total
		for _, one := range page.Items {
			o.tokens[one.ID] = one
		}
		if page.Next == 0 {
			return
		}
		after = strconv.FormatInt(page.Next, 10)
	}
}

// next returns the path of the page after an answer; after is "" for the first one.
func next(path, after string) string {
	if after == "" {
		return path
	}
	return path + "&after=" + after
}

// readMinute uses the short window once more, so that it is one that the ledger knows, and
// reads it. A window that ends in between is read again.
func (o *observation) readMinute(w *worker) {
	e := w.shared[0]
	for range 3 {
		var verdict wire.Verdict
		c := w.with(e, "spend", http.MethodPost, wire.VerifyPath, fmt.Sprintf(`{"quota":1,"request_id":%q}`, w.id()))
		c.data = &verdict
		if ok, _ := w.send(c); !ok {
			return
		}
		if verdict.Valid {
			e.charge(charging{units: 1, windows: verdict.Windows, day: w.today()})
			o.lateUnits(w.today(), e.id)
		} else if verdict.Scope != "window:"+shortWindow && verdict.Scope != "wallet" {
			w.fail(failedReads, "refused by %s", verdict.Scope)
			return
		}
		var shown wire.Token
		w.read(fmt.Sprint(wire.TokensPath, "/", e.id), &shown)
		for _, window := range shown.Windows {
			if window.Period == shortWindow && window.ResetsAt > 0 {
				o.minute = window
				if one, ok := o.tokens[e.id]; ok {
					one.UsedQuota = shown.UsedQuota
					o.tokens[e.id] = one
				}
				return
			}
		}
	}
}

// lateUnits counts one unit more in the history, which was read before.
func (o *observation) lateUnits(day, id int64) {
	k, one := useKey{day: day}, sums{requests: 1, units: 1}
	o.days[k] = o.days[k].plus(one)
	o.tokenU[id] = o.tokenU[id].plus(one)
}
