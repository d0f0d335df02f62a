package soaktest_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// shortWindow is the period of a window that renews many times while the test runs.
const shortWindow = "1m"

// open registers webhooks, and makes the tokens that both workers of a user share: one
// of each kind of limit.
func (s *soak) open(t *testing.T) {
	t.Helper()
	const minute = 1_000
	kinds := []struct {
		body    string
		granted int64
		minute  int64
		tight   bool
	}{
		{`{"name":"window of a minute","unlimited_quota":true,"windows":[{"period":"` + shortWindow + `","quota":1000},{"period":"day","quota":1000000000}]}`, 0, minute, false},
		{`{"name":"window of hours","unlimited_quota":true,"windows":[{"period":"5h","quota":1000000000}]}`, 0, 0, false},
		{`{"name":"limits","remain_quota":1000000000,"model_quotas":[{"model":"gpt*","quota":1000000000}],"requests_per_minute":1000000,"units_per_minute":100000000,"max_concurrent":50}`, largeQuota, 0, false},
		{`{"name":"tight","remain_quota":3000}`, 3_000, 0, true},
	}
	for i, a := range s.accounts {
		w := s.workers[i*workersOfUser]
		if a.hooked {
			c := w.of("webhook", http.MethodPost, wire.WebhooksPath, fmt.Sprintf(`{"url":"%s/%s","types":["token.created","token.rotated","token.deleted"]}`, s.receiver.URL, a.name))
			c.want, c.once = http.StatusCreated, w.id()
			if ok, repeated := w.send(c); ok {
				a.changed(repeated, false)
			}
		}
		for _, kind := range kinds {
			e := w.make(kind.body, kind.granted)
			if e == nil {
				t.Fatalf("%v", s.stats["create"].errors)
			}
			e.minute, e.tight = kind.minute, kind.tight
			if kind.minute > 0 {
				e.minutes = map[int64]int64{}
			}
			for n := range workersOfUser {
				other := s.workers[i*workersOfUser+n]
				other.shared = append(other.shared, e)
			}
		}
	}
}

// make creates a token. It returns nil if that fails.
func (w *worker) make(body string, granted int64) *entry {
	var made wire.Token
	c := w.of("create", http.MethodPost, wire.TokensPath, body)
	c.want, c.once, c.data = http.StatusCreated, w.id(), &made
	ok, repeated := w.send(c)
	if !ok {
		return nil
	}
	w.changed(repeated, true)
	return w.add(made.ID, made.Key, granted)
}

// create creates a token of the worker's own.
func (w *worker) create() {
	const granted = 100_000
	if e := w.make(fmt.Sprintf(`{"name":"own %d","remain_quota":%d}`, w.calls, granted), granted); e != nil {
		w.own = append(w.own, e)
	}
}

// ownOrNew returns the place of one of the worker's own tokens, which it creates if there
// are few, or -1.
func (w *worker) ownOrNew() int {
	const few = 3
	if len(w.own) < few {
		w.create()
	}
	if len(w.own) == 0 {
		return -1 // the create has failed
	}
	return w.random.IntN(len(w.own))
}

// update renames a token, sets its quota, or disables it and enables it again.
func (w *worker) update() {
	i := w.ownOrNew()
	if i < 0 {
		return
	}
	e := w.own[i]
	switch w.random.IntN(3) {
	case 0:
		w.put(e, fmt.Sprintf(`"name":"renamed %s"`, w.id()))
	case 1:
		more := e.granted + 1 + w.random.Int64N(1_000)
		if w.put(e, fmt.Sprintf(`"remain_quota":%d`, more-e.used)) {
			e.granted = more
		}
	case 2:
		if !w.put(e, `"status":2`) {
			return
		}
		var verdict wire.Verdict
		c := w.with(e, "check", http.MethodPost, wire.VerifyPath, `{}`)
		c.data = &verdict
		if ok, _ := w.send(c); ok && verdict.Code != wire.RefusedDisabled {
			w.fail(c.name, "a disabled key is answered with %q", verdict.Code)
		}
		w.put(e, `"status":1`)
	}
}

func (w *worker) put(e *entry, change string) bool {
	ok, repeated := w.send(w.of("update", http.MethodPut, wire.TokensPath, fmt.Sprintf(`{"id":%d,%s}`, e.id, change)))
	if ok {
		w.changed(repeated, false)
	}
	return ok
}

// rotate gives a token a new key, and checks that the old one is refused.
func (w *worker) rotate() {
	i := w.ownOrNew()
	if i < 0 {
		return
	}
	e, rotated := w.own[i], wire.Token{}
	c := w.of("rotate", http.MethodPost, fmt.Sprint(wire.TokensPath, "/", e.id, "/rotate"), "")
	c.once, c.data = w.id(), &rotated
	ok, repeated := w.send(c)
	if !ok {
		return
	}
	w.changed(repeated, true)
	w.wantUnknown(e, "a key that was rotated away")
	e.key = rotated.Key
}

// remove deletes a token, and checks that its key is refused.
func (w *worker) remove() {
	i := w.ownOrNew()
	if i < 0 {
		return
	}
	e := w.own[i]
	c := w.of("delete", http.MethodDelete, fmt.Sprint(wire.TokensPath, "/", e.id), "")
	c.gone = true
	ok, repeated := w.send(c)
	if !ok {
		return
	}
	w.changed(repeated, true)
	w.own = slices.Delete(w.own, i, i+1)
	w.account.remove(e.id)
	w.wantUnknown(e, "the key of a deleted token")
}

func (w *worker) wantUnknown(e *entry, what string) {
	var verdict wire.Verdict
	c := w.with(e, "check", http.MethodPost, wire.VerifyPath, `{}`)
	c.data = &verdict
	if ok, _ := w.send(c); ok && verdict.Code != wire.RefusedUnknown {
		w.fail(c.name, "%s is answered with %q", what, verdict.Code)
	}
}
