package benchtest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/modelstest"
)

// A request of these tests costs input + output units, as its model costs one unit for
// each token. New API has fixed ratios for the models of vendors.
const (
	input, output = 20, 100
	flatModel     = "acme-1"
)

// A loss is what a peer delivered and did not charge, or charged and did not deliver.
type loss struct {
	answered  int64 // of 20 requests at once on a budget for one, in the worst of the tries
	beyond    int64 // units that they cost beyond the budget, in this try
	unsettled int64 // units of whole answers that were not charged, because kill -9 came a second later
	uncharged int64 // units of a stream that were delivered before kill -9 and not charged
	lost      int64 // units of its budget that were not delivered and are not usable any more
	failure   error // why the last three are not known: the peer did not answer after it was killed and started again
}

// overspend tries to get more from a peer than was paid for. Without kill it leaves out
// what needs it.
func (p *peer) overspend(t testing.TB, upstream *modelstest.Upstream) (l loss) {
	t.Helper()
	const tries, answers = 5, 10
	client := newClient(t)
	for range tries { // the first opens the connections
		answered, beyond := p.compete(t, client, upstream)
		l.answered, l.beyond = max(l.answered, answered), max(l.beyond, beyond)
	}
	if p.kill == nil {
		return l
	}

	key := p.newKey(t, 2*answers*(input+output))
	for range answers {
		if err := patiently(func() error { return ask(client, p.url, key, "", nil) }); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
	}
	time.Sleep(time.Second)
	p.kill()
	p.start(t)
	got := delivered(upstream)
	charged, err := p.chargedInTheEnd(key, got)
	l.unsettled, l.failure = got-charged, err
	if err != nil {
		return l
	}

	key = p.newKey(t, 10*(input+output))
	_ = ask(client, p.url, key, "do:hang-50", p.kill) // fails, because of the kill
	p.start(t)
	got = delivered(upstream)
	charged, l.failure = p.chargedInTheEnd(key, -1)
	l.uncharged, l.lost = max(0, got-charged), max(0, charged-got)
	return l
}

// compete sends 20 requests at once on a budget for one.
func (p *peer) compete(t testing.TB, client *http.Client, upstream *modelstest.Upstream) (answered, beyond int64) {
	t.Helper()
	const parallel = 20
	key := p.newKey(t, input+output)
	upstream.Take()
	var count atomic.Int64
	var all sync.WaitGroup
	for range parallel {
		all.Go(func() {
			if ask(client, p.url, key, "", nil) == nil {
				count.Add(1)
			}
		})
	}
	all.Wait()
	return count.Load(), max(0, delivered(upstream)-input-output)
}

func (p *peer) newKey(t testing.TB, units int64) string {
	t.Helper()
	var key string
	err := patiently(func() (err error) {
		key, err = p.keys.newKey(units)
		return err
	})
	if err != nil {
		t.Fatalf("%s: make a key: %v", p.name, err)
	}
	return key
}

// chargedInTheEnd returns what is charged of a key's budget when it is what is wanted, or
// after the time that the peer may need to write it or to end a hold.
func (p *peer) chargedInTheEnd(key string, want int64) (int64, error) {
	for deadline := time.Now().Add(p.patience); ; time.Sleep(100 * time.Millisecond) {
		charged, err := p.keys.charged(key)
		late := time.Now().After(deadline)
		if err != nil && late { // before that it may still be starting
			return 0, fmt.Errorf("%s: read what is charged: %w", p.name, err)
		}
		if err == nil && (charged == want || late) {
			return charged, nil
		}
	}
}

// delivered returns the units that an upstream has delivered since its records were taken.
func delivered(upstream *modelstest.Upstream) (units int64) {
	for _, r := range upstream.Take() {
		if r.Status == http.StatusOK && r.Model != "" { // LiteLLM lists the models when it starts
			units += input + r.Sent
		}
	}
	return units
}

// ask requests an answer, as a stream if inside is not nil, which is then called when the
// 40th word has arrived.
func ask(client *http.Client, url, key, order string, inside func()) error {
	body := fmt.Sprintf(`{"model":%q,"stream":%t,"max_tokens":%d,"messages":[{"role":"user","content":"do:tokens-%d %s"}]}`, flatModel, inside != nil, output, output, order)
	answer, err := post(client, url, key, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	var text strings.Builder
	buffer := make([]byte, 4096)
	for err == nil {
		var n int
		n, err = answer.Body.Read(buffer)
		text.Write(buffer[:n])
		if inside != nil && strings.Contains(text.String(), "word039") {
			inside()
			inside = nil
		}
	}
	if err != io.EOF { //nolint:errorlint // a Reader returns it as it is
		return err
	}
	return checkStatus(answer.StatusCode, http.StatusOK, []byte(text.String()))
}
