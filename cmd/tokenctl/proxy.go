package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/quota"
)

type proxyCmd struct {
	Upstream          string        `env:"UPSTREAM_URL" placeholder:"URL" help:"URL of the API behind the proxy, without /v1, such as https://api.openai.com; required."`
	Listen            string        `env:"LISTEN,PORT" default:"${proxy_listen}" placeholder:"ADDR" help:"Address to listen on: host:port, :port for all addresses of this machine, or a port of 127.0.0.1. Port 0 chooses a free port (default ${proxy_listen})."`
	MetricsListen     string        `env:"METRICS_LISTEN" placeholder:"ADDR" help:"Serve Prometheus metrics at /metrics, and the proxy's health at /healthz, on this address (default: off)."`
	Endpoint          string        `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL instead of AWS; serve prints the URL of its engine."`
	Table             string        `env:"TABLE_NAME" default:"${table}" placeholder:"NAME" help:"Name of the table (default ${table})."`
	TrustForwardedFor bool          `env:"TRUST_FORWARDED_FOR" help:"Take the caller's address from the last entry of X-Forwarded-For. Use it only behind a load balancer that adds this entry."`
	DrainTimeout      time.Duration `env:"DRAIN_TIMEOUT" default:"30s" placeholder:"DURATION" help:"How long requests in progress may take after Ctrl-C or SIGTERM. Then they are cut off, and what was delivered is charged (default ${default})."`
}

// Help implements kong.HelpProvider.
func (*proxyCmd) Help() string {
	return `Clients call it as they call OpenAI's API, but with an sk- key of Latchkey. For each request it reserves quota, forwards
the request, and charges the number of tokens in the usage of the response, streamed or not. A failed request costs
nothing. Errors have OpenAI's format. The proxy sends the environment variable UPSTREAM_API_KEY to the upstream as its
own key. Requests are logged as JSON on stderr. After Ctrl-C or SIGTERM it accepts no more connections, and requests in
progress may finish.

Example:

    UPSTREAM_API_KEY=… tokenctl proxy --upstream https://api.openai.com`
}

// proxyCleanup is how long requests that were cut off have to be settled. It is
// longer than the middleware tries to settle one.
const proxyCleanup = 20 * time.Second

// Run implements the command.
func (c *proxyCmd) Run(ctx context.Context, out *console) error {
	if err := c.proxy(ctx, out); ctx.Err() == nil {
		return err
	}
	return nil // Ctrl-C is the normal end, also during the start
}

func (c *proxyCmd) proxy(ctx context.Context, out *console) error {
	s, err := c.check()
	if err != nil {
		return err
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer listeners.close()
	keys := gate.New(dynamo.New(db.client, db.table))
	if _, err := keys.Verify(ctx, credential.NewKey(1, 1).Reveal(), quota.Question{}); err != nil { // a key that nobody has, to check that the table can be read
		return db.explain(err, "")
	}
	if err := out.print(c.greeting(listeners, s, db)); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(out.err, nil))
	drain := new(drain)
	upstream := forward(s.upstream, s.apiKey, log)
	options := s.options
	options.Log = log
	if listeners.metrics != nil {
		m := newMetrics(drain.inProgress)
		options.Observe = m.observe
		upstream = m.upstream(upstream)
		go serveMetrics(listeners.metrics, m, drain, log)
	}
	handler := withDeadlines(gateway.Middleware(keys, upstream, options))
	stop := stop{grace: c.DrainTimeout, cleanup: proxyCleanup, begin: drain.begin, drain: drain.wait}
	return serve(ctx, listeners.proxy, newServer(drain.wrap(handler), log), stop, nil)
}

// greeting returns what proxy prints when it is ready.
func (c *proxyCmd) greeting(l proxyListeners, s proxySettings, db *database) string {
	key, caller := "without a key; set UPSTREAM_API_KEY if it needs one", "from the connection"
	if s.apiKey != "" {
		key = "with UPSTREAM_API_KEY"
	}
	if c.TrustForwardedFor {
		caller = "from the last entry of X-Forwarded-For"
	}
	base, everywhere := baseURL(l.proxy.Addr())
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	line("Latchkey's proxy is ready at %s", base)
	if everywhere {
		line("Listening on:     all addresses of this machine, without TLS")
	}
	if l.metrics != nil {
		metrics, _ := baseURL(l.metrics.Addr())
		line("Metrics:          %s%s", metrics, metricsPath)
	}
	line("Upstream:         %s (%s)", s.upstream, key)
	line("Keys:             from table %s %s", db.table, db.at())
	line("Caller's address: %s", caller)
	line("\nCall a model with a key, in the variable KEY:")
	line(`  curl -sS %s/v1/chat/completions -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`, base)
	line("Press Ctrl-C to stop.")
	return text.String()
}
