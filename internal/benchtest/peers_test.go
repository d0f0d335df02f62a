package benchtest_test

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/benchdoc"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/internal/modelstest"
)

var peers = flag.Bool("peers", false, "measure the peer of PEER_KIND beside ours, and write its table into docs/benchmarks.md") //nolint:gochecknoglobals // a flag

// Ours answers one request on a budget for one, and charges what was delivered.
// Without the flag ours is compared with itself, so that the comparison works.
func TestPeers(t *testing.T) {
	b := &bench{scale: scale{rounds: 1, lasts: time.Millisecond, tokens: 30, deleted: 60}}
	if *peers {
		b.scale = scale{rounds: 6, lasts: 400 * time.Millisecond, tokens: 1_000, deleted: 6_000}
	}
	b.tokenctl = filepath.Join(lambdatest.Build(t, dynamotest.Root(t), runtime.GOARCH, "./cmd/tokenctl"), "tokenctl")
	upstream := openUpstream(t)
	ours := b.latchkey(t, upstream.URL)
	var theirs *peer
	if *peers {
		theirs = openPeer(t, upstream.URL)
	} else {
		theirs = b.latchkey(t, upstream.URL)
	}
	c := &comparison{t: t, bench: b, upstream: upstream, ours: ours, theirs: theirs, client: newClient(t)}
	c.requests(t)
	c.management(t)
	c.overspend(t)
	kind := os.Getenv("PEER_KIND")
	switch {
	case !*peers: // the table of New API has every row
		committed := slices.DeleteFunc(benchdoc.Read(t, document, "peers newapi"), func(line string) bool { return !strings.HasPrefix(line, "|") })
		same(t, committed, slices.Concat(committed[:2], c.rows))
		return
	case t.Failed() || kind == "openai":
		return
	}
	head := []string{
		"Measured on: " + strings.Join(benchdoc.Machine(t), ", ") + ".", "",
		"| | Latchkey | " + theirs.name + " | ratio | goal |", "|---|---|---|---|---|",
	}
	benchdoc.Write(t, document, "peers "+kind, append(head, c.rows...))
}

// openUpstream starts an upstream, at PEER_UPSTREAM if it is set.
func openUpstream(t testing.TB) *modelstest.Upstream {
	t.Helper()
	address := os.Getenv("PEER_UPSTREAM")
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	upstream := modelstest.NewOn(listener)
	t.Cleanup(upstream.Close)
	return upstream
}

// latchkey starts `tokenctl serve` and `tokenctl proxy`, with an engine that writes a file.
func (b *bench) latchkey(t testing.TB, upstream string) *peer {
	t.Helper()
	const hold = 5 * time.Second
	kit := dynamotest.NewInFile(t)
	tenant := kit.Tenant(t, "peers")
	env := []string{"UPSTREAM_API_KEY=" + modelstest.Key}
	args := []string{"proxy", "--upstream", upstream, "--hold-time", hold.String()}
	tokens := &tokenAPI{client: newClient(t), url: b.serve(t, kit.Endpoint, nil, "serve").url, credential: tenant.Access.Reveal()}
	proxy := b.serve(t, kit.Endpoint, env, args...)
	p := &peer{name: "Latchkey", url: proxy.url, keys: tokens, tokens: tokens, patience: hold + time.Second}
	p.kill = func() { proxy.stop() }
	p.start = func(t testing.TB) {
		t.Helper()
		proxy = b.serve(t, kit.Endpoint, env, args...)
		p.url = proxy.url
	}
	return p
}

// A comparison is a table of ours and of another.
type comparison struct {
	t testing.TB
	*bench
	upstream     *modelstest.Upstream
	client       *http.Client
	ours, theirs *peer
	counter      atomic.Int64
	rows         []string
}

func (c *comparison) add(name, ours, theirs, ratio string, goal float64) {
	want := "–"
	if goal > 0 {
		want = fmt.Sprintf("≥ %.1f", goal)
	}
	row := fmt.Sprintf("| %s | %s | %s | %s | %s |", name, ours, theirs, ratio, want)
	c.t.Log(row)
	c.rows = append(c.rows, row)
}

// addRate adds a row of requests a second.
func (c *comparison) addRate(name string, goal float64, ours, theirs *series) {
	text := func(s *series) string {
		rate, spread := s.rate()
		text := fmt.Sprintf("%.0f ± %.0f %%", rate, spread)
		if s.refused > 0 {
			text += fmt.Sprintf(", %.1f %% failed", s.refusals())
		}
		return text
	}
	our, _ := ours.rate()
	their, _ := theirs.rate()
	c.add(name, text(ours), text(theirs), fmt.Sprintf("%.2f", our/max(their, 1)), goal)
}

// requests measures model requests through both gateways, in turn with direct calls.
func (c *comparison) requests(t testing.TB) {
	our, their := c.manyKeys(t, c.ours), c.manyKeys(t, c.theirs)
	for _, callers := range []int{1, 8, 64} {
		direct, ours, theirs := &series{name: "direct"}, &series{name: c.ours.name}, &series{name: c.theirs.name}
		for range c.rounds {
			direct.round(t, callers, c.lasts, &c.counter, func(int64) error { return chat(c.client, c.upstream.DirectURL, modelstest.Key, http.StatusOK) })
			c.through(t, callers, c.ours, ours, our)
			c.through(t, callers, c.theirs, theirs, their)
		}
		at := fmt.Sprintf("many keys, %d at a time", callers)
		c.addRate("model requests a second, "+at, 0, ours, theirs)
		for _, share := range []float64{0.5, 0.99} {
			added := func(s *series) string { return fmt.Sprintf("%.1f ms", s.quantile(share)-direct.quantile(share)) }
			c.add(fmt.Sprintf("added latency p%.0f, %s", 100*share, at), added(ours), added(theirs), "–", 0)
		}
		c.add("CPU of the generator and the upstream, "+at, fmt.Sprintf("%.0f %%", 100*ours.share), fmt.Sprintf("%.0f %%", 100*theirs.share), "–", 0)
	}
	ours, theirs := &series{name: c.ours.name}, &series{name: c.theirs.name}
	for range c.rounds {
		c.through(t, 8, c.ours, ours, our[:1])
		c.through(t, 8, c.theirs, theirs, their[:1])
	}
	c.addRate("model requests a second, one busy key, 8 at a time", 1.5, ours, theirs)
}

// manyKeys makes keys and uses each once, because a peer may read it from its database only
// then.
func (c *comparison) manyKeys(t testing.TB, p *peer) (keys []string) {
	t.Helper()
	for range c.tokens {
		key := p.newKey(t, 1_000_000_000)
		if err := patiently(func() error { return chat(c.client, p.url, key, http.StatusOK) }); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		keys = append(keys, key)
	}
	return keys
}

func (c *comparison) through(t testing.TB, callers int, p *peer, s *series, keys []string) {
	t.Helper()
	c.round(t, callers, p, s, func(n int64) error { return chat(c.client, p.url, keys[n%int64(len(keys))], http.StatusOK) })
	c.upstream.Take()
}

// round is a round of a peer. What fails is counted; of ours only what is refused because
// it is busy may fail.
func (c *comparison) round(t testing.TB, callers int, p *peer, s *series, do func(n int64) error) {
	t.Helper()
	s.round(t, callers, c.lasts, &c.counter, func(n int64) error {
		err := do(n)
		if err != nil && p != c.ours {
			return errBusy
		}
		return err
	})
}

// management measures the management of tokens, if the other has the same API.
func (c *comparison) management(t testing.TB) {
	if c.theirs.tokens == nil {
		return
	}
	for _, o := range operationsOfTokens() {
		if o.name == "delete" {
			for _, p := range []*peer{c.ours, c.theirs} {
				if err := p.tokens.doom(int(c.deleted)); err != nil {
					t.Fatalf("%s: %v", p.name, err)
				}
			}
		}
		ours, theirs := &series{name: c.ours.name + " " + o.name}, &series{name: c.theirs.name + " " + o.name}
		for range c.rounds {
			c.round(t, 8, c.ours, ours, func(n int64) error { return o.do(c.ours.tokens, n) })
			c.round(t, 8, c.theirs, theirs, func(n int64) error { return o.do(c.theirs.tokens, n) })
		}
		c.addRate(o.name+", requests a second, 8 at a time", o.goal, ours, theirs)
	}
}

// overspend adds what both lose.
func (c *comparison) overspend(t testing.TB) {
	if _, none := c.theirs.keys.(oneKey); none {
		return
	}
	ours, theirs := c.ours.overspend(t, c.upstream), c.theirs.overspend(t, c.upstream)
	if ours.answered != 1 || ours.beyond != 0 || ours.unsettled != 0 || ours.uncharged != 0 {
		t.Errorf("ours lost %+v, want one answer, and everything charged that was delivered", ours)
	}
	if ours.failure != nil {
		t.Error(ours.failure)
	}
	killed := func(units int64, p *peer, failure error) string {
		switch {
		case p.kill == nil:
			return "not measured"
		case failure != nil:
			t.Log(failure)
			return "no answer after it was started again"
		default:
			return fmt.Sprint(units)
		}
	}
	c.add("20 requests at once on a budget for one: answered, in the worst of 5 tries", fmt.Sprint(ours.answered), fmt.Sprint(theirs.answered), "–", 0)
	c.add("units that they got beyond the budget of 120, in this try", fmt.Sprint(ours.beyond), fmt.Sprint(theirs.beyond), "–", 0)
	for _, row := range []struct {
		name        string
		our, theirs int64
	}{
		{"`kill -9` a second after 10 whole answers of 120 units: units not charged", ours.unsettled, theirs.unsettled},
		{"`kill -9` in the middle of a stream: units delivered and not charged", ours.uncharged, theirs.uncharged},
		{"`kill -9` in the middle of a stream: units charged, or held for ever, and not delivered", ours.lost, theirs.lost},
	} {
		c.add(row.name, killed(row.our, c.ours, ours.failure), killed(row.theirs, c.theirs, theirs.failure), "–", 0)
	}
}
