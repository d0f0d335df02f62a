package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/quota"
)

type proxyCmd struct {
	Upstream          string `env:"UPSTREAM_URL" placeholder:"URL" help:"The API behind the proxy, without its /v1, such as https://api.openai.com; required."`
	Port              string `env:"PORT" default:"${proxy_port}" placeholder:"PORT" help:"The port on 127.0.0.1; 0 takes any free one (default ${proxy_port})."`
	Endpoint          string `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Work on the DynamoDB engine at this URL, such as the one that serve prints, instead of in AWS."`
	Table             string `env:"TABLE_NAME" default:"${table}" placeholder:"NAME" help:"The table's name (default ${table})."`
	TrustForwardedFor bool   `help:"Take the caller's address from the last entry of X-Forwarded-For, which your own load balancer in front has added."`
}

// Help implements kong.HelpProvider.
func (*proxyCmd) Help() string {
	return `Clients use it as they use OpenAI's API, with an sk- key of Latchkey. It reserves quota for a request, passes it on, and
charges the tokens of the answer's usage, streamed or not; what fails is free. Refusals have the form of OpenAI's errors.
UPSTREAM_API_KEY, only as an environment variable, is what it sends to the upstream as its own key. Requests are logged on
stderr as JSON. Ctrl-C lets requests under way end, for half a minute.

Example:

    UPSTREAM_API_KEY=… tokenctl proxy --upstream https://api.openai.com`
}

// How long the proxy waits. Nothing cuts an answer short that is coming.
const (
	proxyGrace    = 30 * time.Second
	bodyWithin    = time.Minute      // for the client to send all of its body
	stallWithin   = time.Minute      // for the client to take a piece of the answer
	dialWithin    = 5 * time.Second  // to upstream
	answersWithin = 10 * time.Minute // for upstream to begin its answer
)

// Run implements the command.
func (c *proxyCmd) Run(ctx context.Context, out *console) error {
	if err := c.proxy(ctx, out); ctx.Err() == nil {
		return err
	}
	return nil // Ctrl-C is how it should end, also while it starts
}

func (c *proxyCmd) proxy(ctx context.Context, out *console) error {
	port, err := checkPort(cmp.Or(c.Port, defaultProxyPort))
	if err != nil {
		return err
	}
	upstream, err := checkUpstream(c.Upstream)
	if err != nil {
		return err
	}
	apiKey := os.Getenv("UPSTREAM_API_KEY")
	if strings.ContainsFunc(apiKey, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return problemf("UPSTREAM_API_KEY has blanks or line ends in it: set it to the key alone")
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, port)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server has closed it by then
	keys := gate.New(dynamo.New(db.client, db.table))
	if _, err := keys.Verify(ctx, credential.NewKey(1, 1).Reveal(), quota.Question{}); err != nil { // nobody's key: is the table there?
		return db.explain(err, "")
	}
	if err := out.print(c.greeting("http://"+listener.Addr().String(), upstream, apiKey != "", db)); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(out.err, nil))
	options := gateway.Options{Log: log}
	if c.TrustForwardedFor {
		options.ClientIP = gateway.ForwardedFor
	}
	handler := gateway.Middleware(keys, forward(upstream, apiKey, log), options)
	return serve(ctx, listener, newServer(patient(handler), log), proxyGrace, nil)
}

func checkUpstream(s string) (*url.URL, error) {
	const example = "such as https://api.openai.com"
	if s == "" {
		return nil, problemf("there is no upstream: set UPSTREAM_URL or --upstream to the URL of an OpenAI-compatible API, " + example)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, problemf("the upstream is not a URL: set UPSTREAM_URL or --upstream to one " + example) // it may hold a password
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, problemf("the upstream is more than a place: set UPSTREAM_URL or --upstream to one " + example + ", and the key as UPSTREAM_API_KEY")
	}
	return u, nil
}

// forward sends requests to upstream, with the operator's key for it.
func forward(upstream *url.URL, apiKey string, log *slog.Logger) http.Handler {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialWithin}).DialContext,
		TLSHandshakeTimeout:   dialWithin,
		ResponseHeaderTimeout: answersWithin,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // what is unpacked comes late
		MaxIdleConnsPerHost:   128,
		IdleConnTimeout:       time.Minute,
	}
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // at once
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			if apiKey != "" {
				r.Out.Header.Set("Authorization", "Bearer "+apiKey)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // else the client has gone
				log.WarnContext(r.Context(), "upstream failed", "error", reason(err))
			}
			p := gateway.ErrorResponse{
				Status: http.StatusBadGateway, Type: "server_error", Code: "upstream_unreachable",
				Message: "The API behind this proxy can't be reached, and nothing was charged: try again later.",
			}
			p.Write(w)
		},
	}
}

// patient gives a client time for each piece of the answer, instead of for
// all of it, and bounds how long its body may take.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)  // every connection of ours has deadlines
		_ = connection.SetWriteDeadline(time.Time{}) // it has that of the answer before
		if r.ContentLength != 0 {
			_ = connection.SetReadDeadline(time.Now().Add(bodyWithin))
			r.Body = &timedBody{r.Body, connection}
		}
		next.ServeHTTP(&timedWriter{w, connection}, r)
	})
}

// A timedBody lifts the deadline when the body has ended: what is read of the
// connection after it shows only whether the client is still there.
type timedBody struct {
	io.ReadCloser
	connection *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

type timedWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (w *timedWriter) Write(p []byte) (int, error) {
	_ = w.connection.SetWriteDeadline(time.Now().Add(stallWithin))
	return w.ResponseWriter.Write(p)
}

// Unwrap is how http.ResponseController finds the rest.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (c *proxyCmd) greeting(base string, upstream *url.URL, withKey bool, db *database) string {
	key, address := "without a key; set UPSTREAM_API_KEY if it wants one", "that of the connection"
	if withKey {
		key = "with UPSTREAM_API_KEY"
	}
	if c.TrustForwardedFor {
		address = "the last in X-Forwarded-For, for your own load balancer is in front"
	}
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	line("Latchkey's proxy is ready at %s", base)
	line("Upstream:         %s (%s)", upstream, key)
	line("Keys:             those in table %s %s", db.table, db.at())
	line("Caller's address: %s", address)
	line("\nCall a model, with a key as KEY:")
	line(`  curl -sS %s/v1/chat/completions -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`, base)
	line("Stop with Ctrl-C.")
	return text.String()
}
