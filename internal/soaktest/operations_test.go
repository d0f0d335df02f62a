package soaktest_test

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// An operation is what a worker does at a time: one request, or several in a row.
type operation struct {
	weight int
	do     func(w *worker)
}

// names are the operations that the table has.
func names() []string {
	return []string{
		"audit trail", "check", "create", "delete", "get", "history of a token", "history of a user", "list", "model", "release", "reserve",
		"rotate", "search", "settle", "spend", "stream of a model", "update", "usage of the key", "webhook",
	}
}

func operations() []operation {
	return []operation{
		{14, func(w *worker) {
			w.send(w.of("get", http.MethodGet, fmt.Sprint(wire.TokensPath, "/", w.any().id), ""))
		}},
		{9, func(w *worker) {
			w.send(w.of("list", http.MethodGet, fmt.Sprint(wire.TokensPath, "/?p=", 1+w.random.IntN(max(len(w.order)/10, 1))), ""))
		}},
		{1, func(w *worker) {
			w.send(w.of("search", http.MethodGet, wire.SearchPath+"?keyword=production", ""))
		}},
		{12, (*worker).check},
		{16, (*worker).spend},
		{10, (*worker).reserve},
		{5, func(w *worker) {
			e := w.any()
			w.send(w.withData(e, "usage of the key", http.MethodGet, wire.UsagePath, new(wire.UsageAnswer)))
		}},
		{3, func(w *worker) {
			w.send(w.of("history of a token", http.MethodGet, fmt.Sprint(wire.TokensPath, "/", w.any().id, "/usage?by=hour"), ""))
		}},
		{1, func(w *worker) {
			w.send(w.of("history of a user", http.MethodGet, wire.SelfHistoryPath+"?by=model", ""))
		}},
		{2, func(w *worker) {
			w.send(w.of("audit trail", http.MethodGet, wire.SelfAuditPath+"?page_size=20", ""))
		}},
		{4, (*worker).update},
		{4, (*worker).create},
		{2, (*worker).rotate},
		{3, (*worker).remove},
		{3, func(w *worker) { w.model(false) }},
		{6, func(w *worker) { w.model(true) }},
	}
}

func (w *worker) withData(e *entry, name, method, path string, data any) call {
	c := w.with(e, name, method, path, "")
	c.data = data
	return c
}

func models() []string { return []string{"gpt-5-mini", "claude-sonnet-4-5", "gemini-2.5-flash"} }

// check asks whether a key may be used.
func (w *worker) check() {
	e, verdict := w.any(), wire.Verdict{}
	c := w.with(e, "check", http.MethodPost, wire.VerifyPath, `{"model":"gpt-5-mini"}`)
	c.data = &verdict
	if ok, _ := w.send(c); ok && !verdict.Valid {
		w.refused(c.name, e, string(verdict.Code), verdict.Scope)
	}
}

// spend charges units or a usage.
func (w *worker) spend() {
	e, verdict := w.any(), wire.Verdict{}
	paid := charging{model: one(w.random, models()), units: 1 + w.random.Int64N(30), day: w.today()}
	cost := fmt.Sprintf(`"quota":%d`, paid.units)
	if w.random.IntN(2) == 0 {
		paid.input, paid.output = paid.units, 1+w.random.Int64N(30)
		paid.units += paid.output
		cost = fmt.Sprintf(`"usage":{"input_tokens":%d,"output_tokens":%d}`, paid.input, paid.output)
	}
	c := w.with(e, "spend", http.MethodPost, wire.VerifyPath, fmt.Sprintf(`{"model":%q,"request_id":%q,%s}`, paid.model, w.id(), cost))
	c.data = &verdict
	switch ok, _ := w.send(c); {
	case !ok:
	case !verdict.Valid:
		w.refused(c.name, e, string(verdict.Code), verdict.Scope)
	case verdict.Charged != nil && *verdict.Charged != paid.units:
		w.fail(c.name, "charged %d units, want %d", *verdict.Charged, paid.units)
	default:
		paid.windows = verdict.Windows
		e.charge(paid)
	}
}

// reserve holds units, and then settles or releases the hold.
func (w *worker) reserve() {
	e, id, held := w.any(), w.id(), wire.Reservation{}
	model, units := one(w.random, models()), 10+w.random.Int64N(30)
	c := w.with(e, "reserve", http.MethodPost, wire.ReservePath, fmt.Sprintf(`{"model":%q,"request_id":%q,"quota":%d}`, model, id, units))
	c.data = &held
	if ok, _ := w.send(c); !ok {
		return
	}
	if !held.Valid {
		w.refused(c.name, e, string(held.Code), held.Scope)
		return
	}
	if w.random.IntN(3) == 0 {
		w.send(w.with(e, "release", http.MethodPost, wire.ReleasePath, fmt.Sprintf(`{"request_id":%q}`, id)))
		return
	}
	paid, settled := charging{model: model, units: 1 + w.random.Int64N(units), windows: held.Windows, day: w.today()}, wire.Settlement{}
	c = w.with(e, "settle", http.MethodPost, wire.SettlePath, fmt.Sprintf(`{"model":%q,"request_id":%q,"quota":%d}`, model, id, paid.units))
	c.data = &settled
	if ok, _ := w.send(c); !ok {
		return
	}
	if settled.Charged != paid.units {
		w.fail(c.name, "charged %d units, want %d", settled.Charged, paid.units)
	}
	e.charge(paid)
}

// refused counts a refusal that the ledger expects; any other is an error.
func (w *worker) refused(name string, e *entry, code, scope string) {
	if code != string(wire.RefusedExhausted) || !w.mayRefuse(e, scope) {
		w.fail(name, "refused with %s by %q", code, scope)
		return
	}
	w.note(name, func(s *stat) { s.refused++ })
}

// model sends a chat completion through the proxy, as a stream or not. It uses a key with
// more than enough quota, which is neither rotated nor deleted: of a request that costs more
// than is left, only what is left is charged, and one whose key is gone before it is
// settled is charged what was held. An answer of the proxy does not say how much that was,
// nor in which window.
func (w *worker) model(stream bool) {
	if w.small {
		w.spend()
		return
	}
	e, output := w.first(), 4+w.random.Int64N(20)
	if other := one(w.random, w.shared); other.minutes == nil && !other.tight {
		e = other
	}
	const input = 20 // what the fake upstream says
	paid := charging{model: "gpt-4o", units: input + output, input: input, output: output, day: w.today()}
	var body []byte
	c := w.with(e, "model", http.MethodPost, "/v1/chat/completions", fmt.Sprintf(`{"model":"gpt-4o","stream":%t,"max_tokens":%d,"messages":[{"role":"user","content":"do:tokens-%[2]d"}]}`, stream, output))
	c.url, c.whole = w.soak.proxy.URL, &body
	if stream {
		c.name = "stream of a model"
	}
	ok, repeated := w.send(c)
	if repeated > 0 { // the hold of a request that was answered with 503 may last
		w.mu.Lock()
		e.mayHold = true
		w.mu.Unlock()
	}
	switch {
	case !ok:
	case stream && !bytes.HasSuffix(body, []byte("data: [DONE]")):
		w.fail(c.name, "the stream has no end: %s", body)
	default:
		e.charge(paid)
	}
}
