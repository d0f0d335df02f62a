package soaktest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// checkBreaks changes what the server has said, as a fault would, one thing at a time. The
// check of it must find that.
func (s *soak) checkBreaks(t *testing.T, seen map[*account]*observation) {
	t.Helper()
	var a *account
	for _, one := range s.accounts {
		if one.budget > 0 && !one.small && one.hooked {
			a = one
		}
	}
	if a == nil {
		t.Fatal("no account has a budget and a webhook")
	}
	o := seen[a]
	someDay, someToken, first := anyKey(o.days), anyKey(o.tokenU), a.order[0]
	day := func(change func(*sums)) func() {
		return func() { u := o.days[someDay]; change(&u); o.days[someDay] = u }
	}
	shown := func(change func(*wire.Token)) func() {
		return func() { one := o.tokens[first]; change(&one); o.tokens[first] = one }
	}
	for _, b := range []struct {
		kind       string
		make, undo func()
	}{
		{"tokens in the lists", func() { o.total-- }, func() { o.total++ }},
		{"units used, of each token", shown(func(w *wire.Token) { w.UsedQuota++ }), shown(func(w *wire.Token) { w.UsedQuota-- })},
		{"units left, of each token with a quota", shown(func(w *wire.Token) { w.RemainQuota++ }), shown(func(w *wire.Token) { w.RemainQuota-- })},
		{"units in the last short window", func() { o.minute.Used++ }, func() { o.minute.Used-- }},
		{"units charged beyond a short window", func() { s.workersOf(a).shared[0].minutes[1] = 1_001 }, func() { delete(s.workersOf(a).shared[0].minutes, 1) }},
		{"units used, of each budget", func() { o.budget.Used--; o.budget.Remaining++ }, func() { o.budget.Used++; o.budget.Remaining-- }},
		{"units of each budget", func() { o.budget.Held++ }, func() { o.budget.Held-- }},
		{"requests in the history", day(func(u *sums) { u.requests++ }), day(func(u *sums) { u.requests-- })},
		{"units in the history, by day", day(func(u *sums) { u.units-- }), day(func(u *sums) { u.units++ })},
		{"input and output in the history", day(func(u *sums) { u.output++ }), day(func(u *sums) { u.output-- })},
		{"units in the history, by token", func() { o.tokenU[someToken] = o.tokenU[someToken].plus(sums{units: 1}) }, func() { o.tokenU[someToken] = o.tokenU[someToken].plus(sums{units: -1}) }},
		{"entries in the audit trails", func() { o.audit-- }, func() { o.audit++ }},
		{"events that webhooks got", func() { o.events-- }, func() { o.events++ }},
	} {
		b.make()
		found := slices.ContainsFunc(s.compare(seen), func(d *drift) bool { return strings.HasPrefix(d.kind, b.kind) && d.differ != 0 })
		b.undo()
		if !found {
			t.Errorf("a wrong number of %s is not found", b.kind)
		}
	}
}

func (s *soak) workersOf(a *account) *worker {
	return s.workers[slices.Index(s.accounts, a)*workersOfUser]
}

func anyKey[K comparable, V any](all map[K]V) (some K) {
	for k := range all {
		return k
	}
	return some
}

// A process that grows, or leaves files or goroutines, is found, and one that does not is
// fine.
func TestProblemsOfProcess(t *testing.T) {
	t.Parallel()
	flat := func(mb, perSample float64) (all []float64) {
		for i := range 100 {
			all = append(all, mb+float64(i%7)/2+perSample*float64(i))
		}
		return all
	}
	for name, tt := range map[string]struct {
		change func(*process)
		want   string
	}{
		"fine":               {func(*process) {}, ""},
		"resident memory":    {func(p *process) { p.resident = flat(50, 3) }, "resident memory grows"},
		"live heap":          {func(p *process) { p.live = flat(10, 0.25) }, "live heap grows"},
		"no samples":         {func(p *process) { p.live = nil }, "only 0 samples"},
		"connections":        {func(p *process) { p.filesAtEnd = 900 }, "900 files"},
		"files not known":    {func(p *process) { p.filesAtEnd = 0 }, "0 files"},
		"goroutines":         {func(p *process) { p.goroutines = 3_000 }, "3000 goroutines"},
		"goroutines unknown": {func(p *process) { p.goroutines = 0 }, "0 goroutines"},
		"credential":         {func(p *process) { p.leaked = true }, "credential"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &process{resident: flat(50, 0), live: flat(10, 0), filesAtEnd: 20, goroutines: 30}
			tt.change(p)
			got := strings.Join(p.problems(true), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
				t.Errorf("got %q, want one with %q", got, tt.want)
			}
		})
	}
}

// A wrong answer is found, and 503 if there are too many.
func TestProblemsOfRequests(t *testing.T) {
	t.Parallel()
	took := make([]time.Duration, 99)
	for name, tt := range map[string]struct {
		stat stat
		want string
	}{
		"fine":      {stat{took: took, busy: 1, refused: 5}, ""},
		"an error":  {stat{took: took, errors: []string{"500 internal"}}, "get: 500 internal"},
		"often 503": {stat{took: took, busy: 2}, "2 of 101 requests were answered with 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(requestProblems(map[string]*stat{"get": &tt.stat}, 1), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
