//go:build clients

package clientstest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"

	"github.com/latchkey-api/latchkey/internal/modelstest"
	"github.com/latchkey-api/latchkey/shared/price"
)

// Kinds of cases.
const (
	equal    = "equal"    // same answer as directly, charged exactly what the upstream reported
	estimate = "estimate" // same answer as directly, without a usage: charged something; see partial
	partial  = "partial"  // the answer did not end: charged at least what was delivered, at most what was held and ten units for each byte
	mapped   = "mapped"   // an answer of the proxy about the upstream's refusal: free
	refused  = "refused"  // refused by the proxy at the first try: free, and nothing reached the upstream
)

// check checks a case that has just ended.
func (b *bench) check(ctx context.Context, got result) []string {
	var problems []string
	complain := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	direct, err := b.direct.take()
	if err != nil {
		complain("direct answers: %v", err)
	}
	proxied, err := b.proxied.take()
	if err != nil {
		complain("the proxy's answers: %v", err)
	}
	var records []modelstest.Record // of requests through the proxy
	for _, r := range b.upstream.Take() {
		if !r.Direct {
			records = append(records, r)
		}
		for _, name := range r.Leaks {
			complain("the upstream got a credential in %s", name)
		}
	}
	if got.Kind == equal || got.Kind == estimate {
		if !sameJSON(got.Direct, got.Proxied) {
			complain("the client got\n%s\ninstead of\n%s", got.Proxied, got.Direct)
		}
		for _, p := range difference(direct, proxied) {
			complain("%s", p)
		}
	}
	used, problem := b.charged(ctx, got.Kind)
	if problem != "" {
		complain("%s", problem)
	}
	if problem := b.wrongCharge(got.Kind, used, records, proxied); problem != "" {
		complain("%s", problem)
	}
	return problems
}

// charged returns what the case's key was charged. A whole answer must be
// charged when its client has it. A partial answer is charged soon.
func (b *bench) charged(ctx context.Context, kind string) (used int64, problem string) {
	if kind == refused && b.key == "" {
		return 0, ""
	}
	deadline := time.Now()
	if kind == partial {
		deadline = deadline.Add(10 * time.Second)
	}
	for {
		u, err := b.gate.Usage(ctx, b.key, quota.Origin{})
		if err != nil {
			return 0, err.Error()
		}
		held := u.Granted - u.Used - u.Available
		if held == 0 && (kind != partial || u.Used > 0) {
			return u.Used, ""
		}
		if !time.Now().Before(deadline) {
			return u.Used, fmt.Sprintf("%d units are still held, and %d are charged", held, u.Used)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// wrongCharge returns what is wrong with a charge, or "".
func (b *bench) wrongCharge(kind string, used int64, records []modelstest.Record, proxied []answer) string {
	switch kind {
	case equal:
		var want int64
		for _, r := range records {
			want += b.price(r.Model, r.Usage)
		}
		if used != want {
			return fmt.Sprintf("charged %d, want %d for %+v", used, want, records)
		}
	case estimate, partial:
		held := b.held()
		var delivered, bytes int64
		for _, a := range proxied {
			bytes += int64(len(a.Body))
			delivered += int64(len(regexp.MustCompile(`word\d\d\d `).FindAll(a.Body, -1)))
		}
		if want := b.price(modelOf(records), price.Usage{OutputTokens: delivered}); used < max(want, 1) || used > held+10*bytes {
			return fmt.Sprintf("charged %d, want from %d, for %d tokens delivered, to %d, which was held, and ten for each byte", used, want, delivered, held)
		}
	case mapped, refused:
		if used != 0 {
			return fmt.Sprintf("charged %d, want 0", used)
		}
		if kind == refused && (len(records) != 0 || len(proxied) != 1) {
			return fmt.Sprintf("%d tries by the client, want 1; %d requests reached the upstream, want 0", len(proxied), len(records))
		}
	default:
		return "unknown kind " + kind
	}
	return ""
}

// held returns what the log says was held by the case's requests. The log line
// may come some time after the answer.
func (b *bench) held() (units int64) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		lines := bufio.NewScanner(strings.NewReader(b.proxy.Stderr.String()[b.logged:]))
		for lines.Scan() {
			var line struct{ Held int64 }
			if json.Unmarshal(lines.Bytes(), &line) == nil {
				units += line.Held
			}
		}
		if units > 0 {
			break
		}
	}
	return units
}

func modelOf(records []modelstest.Record) string {
	if len(records) == 0 {
		return ""
	}
	return records[0].Model
}

func sameJSON(a, b json.RawMessage) bool { return bytes.Equal(a, b) && len(a) > 0 }

// difference compares answers at the level of HTTP.
func difference(direct, proxied []answer) (problems []string) {
	if len(direct) != len(proxied) {
		return []string{fmt.Sprintf("%d answers through the proxy, want %d", len(proxied), len(direct))}
	}
	for i, want := range direct {
		got := proxied[i]
		if got.Status != want.Status || got.ContentType != want.ContentType {
			problems = append(problems, fmt.Sprintf("got %d %s, want %d %s", got.Status, got.ContentType, want.Status, want.ContentType))
		}
		if !bytes.Equal(got.Body, want.Body) {
			problems = append(problems, fmt.Sprintf("the proxy's bytes are not the upstream's:\n%s\ninstead of\n%s", got.Body, want.Body))
		}
	}
	return problems
}
