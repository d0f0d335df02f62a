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
	Upstream          string `env:"UPSTREAM_URL" placeholder:"URL" help:"URL of the API behind the proxy, without /v1, such as https://api.openai.com; required."`
	Port              string `env:"PORT" default:"${proxy_port}" placeholder:"PORT" help:"Port on 127.0.0.1; 0 chooses a free port (default ${proxy_port})."`
	Endpoint          string `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL instead of AWS; serve prints the URL of its engine."`
	Table             string `env:"TABLE_NAME" default:"${table}" placeholder:"NAME" help:"Name of the table (default ${table})."`
	TrustForwardedFor bool   `help:"Take the caller's address from the last entry of X-Forwarded-For. Use it only behind a load balancer that adds this entry."`
}

// Help implements kong.HelpProvider.
func (*proxyCmd) Help() string {
	return `Clients call it as they call OpenAI's API, but with an sk- key of Latchkey. For each request it reserves quota, forwards
the request, and charges the number of tokens in the usage of the response, streamed or not. A failed request costs
nothing. Errors have OpenAI's format. The proxy sends the environment variable UPSTREAM_API_KEY to the upstream as its
own key. Requests are logged as JSON on stderr. After Ctrl-C, requests in progress have 30 seconds to finish.

Example:

    UPSTREAM_API_KEY=… tokenctl proxy --upstream https://api.openai.com`
}

// Time limits of the proxy. No limit interrupts a response that keeps arriving.
const (
	proxyGrace    = 30 * time.Second
	bodyTimeout   = time.Minute      // for the client to send the whole request body
	stallTimeout  = time.Minute      // for the client to accept one piece of the response
	dialTimeout   = 5 * time.Second  // for the connection to the upstream
	headerTimeout = 10 * time.Minute // for the upstream to begin its response
)

// Run implements the command.
func (c *proxyCmd) Run(ctx context.Context, out *console) error {
	if err := c.proxy(ctx, out); ctx.Err() == nil {
		return err
	}
	return nil // Ctrl-C is the normal end, also during the start
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
		return problemf("UPSTREAM_API_KEY contains spaces or line breaks: set it to the key alone")
	}
	db, err := connect(ctx, c.Endpoint, c.Table)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, port)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server has closed it already
	keys := gate.New(dynamo.New(db.client, db.table))
	if _, err := keys.Verify(ctx, credential.NewKey(1, 1).Reveal(), quota.Question{}); err != nil { // a key that nobody has, to check that the table can be read
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
	return serve(ctx, listener, newServer(withDeadlines(handler), log), proxyGrace, nil)
}

func checkUpstream(s string) (*url.URL, error) {
	const example = "such as https://api.openai.com"
	if s == "" {
		return nil, problemf("no upstream is set: set UPSTREAM_URL or --upstream to the URL of an OpenAI-compatible API, " + example)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, problemf("the upstream is not a URL: set UPSTREAM_URL or --upstream to a URL " + example) // without the URL, which may hold a password
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, problemf("the upstream's URL must not have a user, query or fragment: set UPSTREAM_URL or --upstream to a URL " + example + ", and UPSTREAM_API_KEY to its key")
	}
	return u, nil
}

// forward returns a handler that sends requests to the upstream with apiKey, if
// one is set.
func forward(upstream *url.URL, apiKey string, log *slog.Logger) http.Handler {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: headerTimeout,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // decompression would delay the pieces of a stream
		MaxIdleConnsPerHost:   128,
		IdleConnTimeout:       time.Minute,
	}
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // send every piece at once
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			if apiKey != "" {
				r.Out.Header.Set("Authorization", "Bearer "+apiKey)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // otherwise the client has closed the connection
				log.WarnContext(r.Context(), "upstream failed", "error", reason(err))
			}
			p := gateway.ErrorResponse{
				Status: http.StatusBadGateway, Type: "server_error", Code: "upstream_unreachable",
				Message: "The API behind this proxy can't be reached. Nothing was charged. Try again later.",
			}
			p.Write(w)
		},
	}
}

// withDeadlines gives a client stallTimeout for each piece of the response,
// instead of a limit for the whole response, and bodyTimeout for the request body.
func withDeadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)  // deadlines work on every connection of this server
		_ = connection.SetWriteDeadline(time.Time{}) // remove the deadline of the previous response
		if r.ContentLength != 0 {
			_ = connection.SetReadDeadline(time.Now().Add(bodyTimeout))
			r.Body = &timedBody{r.Body, connection}
		}
		next.ServeHTTP(&timedWriter{w, connection}, r)
	})
}

// A timedBody removes the read deadline at the end of the body. The server still
// reads from the connection then, to notice when the client closes it.
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

// A timedWriter sets a new deadline for every piece of the response.
type timedWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (w *timedWriter) Write(p []byte) (int, error) {
	_ = w.connection.SetWriteDeadline(time.Now().Add(stallTimeout))
	return w.ResponseWriter.Write(p)
}

// Unwrap returns the writer with the methods that http.ResponseController needs.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// greeting returns what proxy prints when it is ready.
func (c *proxyCmd) greeting(base string, upstream *url.URL, withKey bool, db *database) string {
	key, address := "without a key; set UPSTREAM_API_KEY if it needs one", "from the connection"
	if withKey {
		key = "with UPSTREAM_API_KEY"
	}
	if c.TrustForwardedFor {
		address = "from the last entry of X-Forwarded-For"
	}
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	line("Latchkey's proxy is ready at %s", base)
	line("Upstream:         %s (%s)", upstream, key)
	line("Keys:             from table %s %s", db.table, db.at())
	line("Caller's address: %s", address)
	line("\nCall a model with a key, in the variable KEY:")
	line(`  curl -sS %s/v1/chat/completions -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`, base)
	line("Press Ctrl-C to stop.")
	return text.String()
}
