package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-api/latchkey/shared/gate"
)

const (
	parallel = 20
	output   = 100 // tokens of each answer
	input    = 20  // tokens of each request
	budget   = input + output
)

// A loss is what a proxy gave away or kept.
type loss struct {
	overspent int64 // units that were delivered beyond the quotas
	held      int64 // units that are still held after the holds' time
	uncharged int64 // units that were delivered and are not charged then
}

// run returns what is lost by requests at once and by a crash.
func (b *bench) run(ctx context.Context) (loss, error) {
	l, err := b.compete(ctx)
	if err != nil {
		return loss{}, err
	}
	more, err := b.crash(ctx)
	return loss{l.overspent + more.overspent, l.held + more.held, l.uncharged + more.uncharged}, err
}

// compete sends requests at once on a quota that pays one.
func (b *bench) compete(ctx context.Context) (loss, error) {
	key, err := b.newKey(ctx, budget)
	if err != nil {
		return loss{}, err
	}
	answers := b.sendAll(ctx, key, fmt.Sprintf(`{"model":"gpt-4o","max_tokens":%d,"messages":[{"role":"user","content":"do:tokens-%d"}]}`, output, output), nil)
	fmt.Printf("%d requests at once on a quota for one: %d answered, %d refused\n", parallel, answers.accepted, answers.refused)
	if answers.accepted+answers.refused != parallel || answers.accepted == 0 {
		return loss{}, fmt.Errorf("%d requests were neither answered nor refused", parallel-answers.accepted-answers.refused)
	}
	used, held, err := b.balance(ctx, key, 0)
	delivered := b.delivered()
	if err == nil && used > delivered {
		err = fmt.Errorf("charged %d units, and the upstream delivered %d", used, delivered)
	}
	return loss{max(0, delivered-budget), held, delivered - used}, err
}

// crash kills the proxy in the middle of a stream.
func (b *bench) crash(ctx context.Context) (loss, error) {
	key, err := b.newKey(ctx, budget)
	if err != nil {
		return loss{}, err
	}
	body := fmt.Sprintf(`{"model":"gpt-4o","stream":true,"max_tokens":%d,"messages":[{"role":"user","content":"do:tokens-%d do:hang-50"}]}`, output, output)
	var kill sync.Once
	inside := func() { kill.Do(func() { b.kill() }) }
	first := b.sendAll(ctx, key, body, inside)
	fmt.Printf("%d streams at once on a quota for one: %d accepted, %d refused, and the proxy killed meanwhile\n", parallel, first.accepted, first.refused)
	if first.accepted == 0 {
		return loss{}, fmt.Errorf("no stream was accepted")
	}
	if err := b.startProxy(ctx); err != nil {
		return loss{}, err
	}
	second := b.sendAll(ctx, key, body, nil)
	fmt.Printf("%d more streams through a new proxy, while the hold lasts: %d accepted, %d refused\n", parallel, second.accepted, second.refused)
	if second.refused != parallel {
		return loss{}, fmt.Errorf("%d streams were not refused", parallel-second.refused)
	}
	_, before, err := b.balance(ctx, key, 0)
	if err != nil {
		return loss{}, err
	}
	used, held, err := b.balance(ctx, key, gate.DefaultTTL+time.Second)
	delivered := b.delivered()
	fmt.Printf("the killed stream held %d units until the end of its hold; it delivered %d and was then charged %d\n", before, delivered, used)
	return loss{max(0, delivered-budget), held, max(0, delivered-used)}, err
}

// delivered returns what the upstream has delivered since the last call, in
// units: tokens.
func (b *bench) delivered() (units int64) {
	for _, r := range b.upstream.Take() {
		if r.Status == http.StatusOK {
			units += input + r.Sent
		}
	}
	return units
}

// A tally counts how requests ended.
type tally struct{ accepted, refused int64 }

// sendAll sends requests at once and reads their answers. It calls inside, if
// it is not nil, when a stream has delivered its first word.
func (b *bench) sendAll(ctx context.Context, key, body string, inside func()) tally {
	var accepted, refused atomic.Int64
	var all sync.WaitGroup
	for range parallel {
		all.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+"/v1/chat/completions", strings.NewReader(body)) //nolint:gosec // the proxy that this program started
			if err != nil {
				return // counted as neither
			}
			r.Header.Set("Authorization", "Bearer "+key)
			r.Header.Set("Content-Type", "application/json")
			answer, err := http.DefaultClient.Do(r) //nolint:gosec // as above
			if err != nil {
				return // the proxy was killed
			}
			defer answer.Body.Close() //nolint:errcheck // it was read
			switch answer.StatusCode {
			case http.StatusOK:
				accepted.Add(1)
			case http.StatusTooManyRequests:
				refused.Add(1)
			}
			read(answer.Body, inside)
		})
	}
	all.Wait()
	return tally{accepted.Load(), refused.Load()}
}

// read reads an answer to its end. inside is called after the first word.
func read(body io.Reader, inside func()) {
	var heard strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := body.Read(buffer)
		heard.Write(buffer[:n])
		if inside != nil && strings.Contains(heard.String(), "word001") {
			inside()
		}
		if err != nil {
			return // the end, or the proxy was killed
		}
	}
}
