package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/quota"
)

type proxyCmd struct {
	Upstream          string        `env:"UPSTREAM_URL" placeholder:"URL" help:"URL of the API behind the proxy, such as https://api.openai.com; required."`
	UpstreamAuth      string        `env:"UPSTREAM_AUTH" default:"bearer" enum:"${upstream_auths}" placeholder:"HEADER" help:"Header in which the upstream expects its key: bearer for OpenAI, x-api-key for Anthropic, x-goog-api-key for Gemini, api-key for Azure (default ${default})."`
	Listen            string        `env:"LISTEN,PORT" default:"${proxy_listen}" placeholder:"ADDR" help:"Address to listen on: host:port, :port for all addresses of this machine, or a port of 127.0.0.1. Port 0 chooses a free port (default ${proxy_listen})."`
	MetricsListen     string        `env:"METRICS_LISTEN" placeholder:"ADDR" help:"Serve Prometheus metrics at /metrics, and the proxy's health at /healthz, on this address (default: off)."`
	Endpoint          string        `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL instead of AWS; serve prints the URL of its engine."`
	Table             string        `env:"TABLE_NAME" default:"${table}" placeholder:"NAME" help:"Name of the table (default ${table})."`
	Allow             []string      `env:"ALLOW" sep:"," placeholder:"'GET /v1/files'" help:"Pass on a further method and path, with a price in units if it has one, such as 'POST /v1/files 10'. All keys share the objects behind it. Repeatable."`
	AllowOrigin       []string      `env:"ALLOW_ORIGIN" sep:"," placeholder:"ORIGIN" help:"Let pages of this origin call the proxy from a browser, such as https://app.example.com; * is every origin. Repeatable."`
	Clamp             bool          `env:"CLAMP" help:"Lower a request's limit of output tokens to what the key's balance pays for; one without a limit gets 4096 at most."`
	NoInjectUsage     bool          `env:"NO_INJECT_USAGE" help:"Do not ask the upstream for the usage of streams whose client has not asked for it; their charge is then estimated."`
	MaxBody           int64         `env:"MAX_BODY" default:"10" placeholder:"MIB" help:"Largest request body, in MiB (default ${default})."`
	Memory            int64         `env:"MEMORY" default:"256" placeholder:"MIB" help:"How many MiB of request bodies may be in memory at a time; one key can have four times --max-body of it (default ${default})."`
	HoldTime          time.Duration `env:"HOLD_TIME" default:"15m" placeholder:"DURATION" help:"How long reserved units stay held if the proxy dies, in whole seconds up to 1h. A request that takes longer is charged without a hold (default ${default})."`
	NoUseRecords      bool          `env:"NO_USE_RECORDS" help:"Do not record when and from where keys are used, nor refusals."`
	Foreign           bool          `name:"foreign-keys" env:"FOREIGN_KEYS" help:"Accept keys that another system has issued, if tokens were imported with them. Then a text that could be such a key costs a read."`
	TrustForwardedFor bool          `env:"TRUST_FORWARDED_FOR" help:"Take the caller's address from the last entry of X-Forwarded-For. Use it only behind a load balancer that adds this entry."`
	DrainTimeout      time.Duration `env:"DRAIN_TIMEOUT" default:"30s" placeholder:"DURATION" help:"How long requests in progress may take after Ctrl-C or SIGTERM. Then they are cut off, and what was delivered is charged (default ${default})."`
}

// Help implements kong.HelpProvider.
func (*proxyCmd) Help() string {
	return `Clients call it as they call the API of OpenAI, Anthropic or Gemini, but with an sk- key of Latchkey. One proxy has one
upstream. For each request it reserves quota, forwards the request, and charges what the answer says was used, streamed
or not. A failed request costs nothing. Errors have the form of the API. The proxy sends the environment variable UPSTREAM_API_KEY to the upstream as
its own key. Requests are logged as JSON on stderr. After Ctrl-C or SIGTERM it accepts no more connections, and requests
in progress may finish. It reads keys from the table: in AWS, with your credentials and region, unless DYNAMODB_ENDPOINT
or --endpoint names another engine. docs/gateway.md describes what it serves and charges.

Example:

    UPSTREAM_API_KEY=… tokenctl proxy --upstream https://api.openai.com
    UPSTREAM_API_KEY=… tokenctl proxy --upstream https://api.anthropic.com --upstream-auth x-api-key`
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
	keys := db.gate(c.Foreign, !c.NoUseRecords)
	if _, err := keys.Verify(ctx, credential.NewKey(1, 1).Reveal(), quota.Question{}); err != nil { // a key that nobody has, to check that the table can be read
		return db.explain(err, "")
	}
	if err := out.print(c.greeting(listeners, s, db)); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(out.err, nil))
	drain := new(drain)
	s.upstream.Log = log
	upstream := gateway.Forward(s.upstream)
	options := s.options
	options.Log = log
	if listeners.metrics != nil {
		m := newMetrics(drain.inProgress)
		options.Observe = m.observe
		upstream = m.upstream(upstream)
		go serveMetrics(listeners.metrics, m, drain, log)
	}
	middleware := gateway.Middleware(keys, upstream, options)
	stop := stop{grace: c.DrainTimeout, cleanup: proxyCleanup, begin: drain.begin, drain: drain.wait, finish: middleware.Wait}
	return serve(ctx, listeners.proxy, newServer(drain.wrap(withDeadlines(middleware)), log), stop, nil)
}

// greeting returns what proxy prints when it is ready.
func (c *proxyCmd) greeting(l proxyListeners, s proxySettings, db *database) string {
	key, caller := "without a key; set UPSTREAM_API_KEY if it needs one", "from the connection"
	if s.upstream.Key != "" {
		key = "with UPSTREAM_API_KEY as " + c.UpstreamAuth
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
	line("Upstream:         %s (%s)", s.upstream.URL, key)
	line("Keys:             from table %s %s", db.table, db.at())
	line("Caller's address: %s", caller)
	line("\nCall a model with a key, in the variable KEY:")
	line(`  curl -sS %s/v1/chat/completions -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`, base)
	line("Press Ctrl-C to stop.")
	return text.String()
}
