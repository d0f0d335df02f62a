package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/functions/console/web"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/engine"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

type serveCmd struct {
	Port     string        `env:"PORT" default:"${port}" placeholder:"PORT" help:"Port on 127.0.0.1; 0 chooses a free port (default ${port})."`
	DataDir  string        `env:"DATA_DIR" default:"${data_dir}" placeholder:"DIR" help:"Folder for the database file and the access token (default ${data_dir})."`
	Endpoint string        `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL instead of starting one."`
	Table    string        `env:"TABLE_NAME" default:"${table}" placeholder:"NAME" help:"Name of the table (default ${table})."`
	Sweep    time.Duration `default:"10s" placeholder:"DURATION" help:"How often to look for tokens that expired 30 days ago and remove them, as DynamoDB does in AWS. With many tokens, less often: removals take at most 2 % of the time (default ${default})."`
	Foreign  bool          `name:"foreign-keys" env:"FOREIGN_KEYS" help:"Accept keys that another system has issued, if tokens were imported with them."`
	Webhook  *string       `placeholder:"URL" help:"Make this URL a webhook of the user demo; it stays until 'tokenctl webhook delete'."`
	Engine   string        `placeholder:"FILE" help:"The engine's binary (default: the one that make tools installed)."`
}

// Help implements kong.HelpProvider.
func (*serveCmd) Help() string {
	return `It starts the local DynamoDB engine, creates the table and, the first time, the user demo, and serves the API and the
console until Ctrl-C, which also stops the engine. It prints the URL, the engine's endpoint, the access token of demo
and curl commands to try. The access token is saved in DATA_DIR/access-token. As in AWS, a token is removed 30 days
after it expires, a history adds up usage, and events are sent to webhooks, which may be on this machine, except with an
engine given with --endpoint. Webhooks that have not been delivered when it ends are lost. The engine accepts any credentials, so every program on
this machine can change its data; it refuses web pages, except an engine given with --endpoint. Requests are logged as JSON on stderr.

Example:

    PORT=8080 tokenctl serve`
}

// Run implements the command.
func (c *serveCmd) Run(ctx context.Context, out *console) error {
	if err := c.serve(ctx, out); ctx.Err() == nil {
		return err
	}
	return nil // Ctrl-C is the normal end, also during the start
}

func (c *serveCmd) serve(ctx context.Context, out *console) error {
	port, err := checkPort(cmp.Or(c.Port, defaultPort))
	if err != nil {
		return err
	}
	if c.Sweep <= 0 {
		return problemf("--sweep %s is not a valid interval: use a time above 0, such as 10s", c.Sweep)
	}
	if err := c.checkWebhook(); err != nil {
		return err
	}
	dir, err := openDataDir(cmp.Or(c.DataDir, defaultDataDir))
	if err != nil {
		return err
	}
	defer dir.close()
	listener, err := listen(ctx, "PORT", net.JoinHostPort(localhost, strconv.Itoa(port))) // before the engine starts, so that a busy port fails at once
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server has closed it already
	back, err := c.start(ctx, dir)
	if err != nil {
		return err
	}
	defer back.stop()
	if err := back.db.createTable(ctx); err != nil {
		return dir.explain(back, err, "")
	}
	log := slog.New(slog.NewJSONHandler(out.err, nil))
	changes, err := back.openStream(ctx, dir.engineFile(), c.Sweep)
	if err != nil {
		return dir.explain(back, err, "")
	}
	d, err := prepareDemo(ctx, back.db, dir)
	if err != nil {
		return dir.explain(back, err, demoName)
	}
	store := back.db.store()
	hooks := localWebhooks(store)
	var hook webhook.Endpoint
	if c.Webhook != nil {
		if hook, err = registerWebhook(ctx, hooks, d, *c.Webhook); err != nil {
			return dir.explain(back, err, demoName)
		}
	}
	defer changes.start(ctx, log)()
	url, end, err := back.guard(ctx, log)
	if err != nil {
		return err
	}
	defer end()
	if err := out.print(greeting("http://"+listener.Addr().String(), url, back, dir, d, hook, c.Foreign)); err != nil {
		return err
	}
	services := api.Services{Tokens: &token.Service{Store: store, Now: time.Now}, Keys: back.db.gate(c.Foreign, true), History: store, Trail: store, Webhooks: hooks}
	server := newServer(api.New(services, log, append(api.Routes(), web.Pages()...)...), log)
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 20*time.Second // longer than the API takes for any response
	return serve(ctx, listener, server, stop{grace: 8 * time.Second, cleanup: 2 * time.Second}, back.died())
}

// localWebhooks returns the service of webhooks of a server on this machine, whose
// receivers may be on it, too.
func localWebhooks(store webhook.Store) *webhook.Service {
	return &webhook.Service{Store: store, Now: time.Now, Rules: localRules(), Send: delivery.NewClient(localRules(), delivery.TestTimeout, time.Now).Send}
}

// A backend is the database behind the API.
type backend struct {
	db     *database
	engine *engine.Engine // nil if the operator gave an endpoint
	where  string         // where the data is, for the greeting
}

// died returns a channel that is closed when an engine that this process
// started has ended.
func (b *backend) died() <-chan struct{} {
	if b.engine == nil {
		return nil
	}
	return b.engine.Exited()
}

// stop stops an engine that this process started.
func (b *backend) stop() {
	if b.engine != nil {
		b.engine.Stop()
	}
}

// guard returns the URL at which other programs reach the database. That of an
// engine that this process started refuses web pages until end is called.
func (b *backend) guard(ctx context.Context, log *slog.Logger) (url string, end func(), err error) {
	if b.engine == nil {
		return b.db.endpoint, func() {}, nil
	}
	return guardEngine(ctx, b.engine.Endpoint, log)
}

// openStream turns the stream on, except with an engine that the operator gave. Then
// it returns nil.
func (b *backend) openStream(ctx context.Context, file string, sweep time.Duration) (*localStream, error) {
	if b.engine == nil {
		return nil, nil //nolint:nilnil // start accepts it
	}
	return newLocalStream(ctx, b.engine, file, b.db, sweep)
}

// start starts to remove expired tokens, to add up usage and to send webhooks. The
// returned function stops it and waits until it has stopped.
func (s *localStream) start(ctx context.Context, log *slog.Logger) (end func()) {
	if s == nil {
		return func() {}
	}
	publisher, endPublisher := localPublisher(ctx, s.store, delivery.Timeout, log)
	s.publisher = publisher
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { s.run(ctx, log) })
	return func() {
		cancel()
		running.Wait()
		endPublisher()
	}
}

// start connects to the endpoint that the operator gave, or starts an engine.
func (c *serveCmd) start(ctx context.Context, dir *dataDir) (*backend, error) {
	if c.Endpoint != "" {
		db, err := connect(ctx, c.Endpoint, c.Table)
		return &backend{db, nil, "not started by this command"}, err
	}
	if err := checkTable(cmp.Or(c.Table, defaultTable)); err != nil {
		return nil, err
	}
	e, err := dir.startEngine(ctx, c.Engine)
	if err != nil {
		return nil, err
	}
	return &backend{connectEngine(e.Endpoint, c.Table), e, "data in " + dir.engineFile()}, nil
}

// greeting returns what serve prints when it is ready.
func greeting(base, engineURL string, back *backend, dir *dataDir, d demo, hook webhook.Endpoint, foreignKeys bool) string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	line("Latchkey is ready at %s", base)
	line("Console:      %s/", base)
	line("Reference:    %s/docs", base)
	line("Engine:       %s (%s)", engineURL, back.where)
	line("Access token: %s (user %s, saved in %s)", d.access.Reveal(), demoName, dir.accessTokenFile())
	if hook.URL != "" {
		line("Webhook:      %s (events of %s, signed with %s)", hook.URL, demoName, hook.Secret.Reveal())
	}
	if foreignKeys {
		line("Foreign keys: on, so that imported tokens keep their keys")
	}
	if d.revoked > 0 {
		line("User %s had the maximum number of access tokens. Older ones revoked: %d.", demoName, d.revoked)
	}
	if d.user.Disabled {
		line("User %s is disabled. To enable it, run `tokenctl user enable %s`.", demoName, demoName)
	}
	if d.user.Role != token.RoleUser {
		line("User %s has the role %s, which may not manage tokens.", demoName, d.user.Role)
	}
	line("\nCreate a token:")
	line(`  curl -sS -X POST %s/api/token/ -H "Authorization: Bearer %s" -H "Content-Type: application/json" -d '{"name":"first","remain_quota":500000}'`, base, d.access.Reveal())
	line("Check its key, in the variable KEY:")
	line(`  curl -sS -X POST %s/api/token/verify -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{"quota":1}'`, base)
	line("Log in from another terminal, for commands such as `%[1]s token list`:\n  %[1]s login --url %[2]s < %[3]s", os.Args[0], base, dir.accessTokenFile())
	line("Manage users:")
	line("  DYNAMODB_ENDPOINT=%s %s%s user list", engineURL, tableSetting(back.db.table), os.Args[0])
	line("Press Ctrl-C to stop.")
	return text.String()
}

// tableSetting returns the environment variable that other commands need if the
// table does not have its default name.
func tableSetting(table string) string {
	if table == defaultTable {
		return ""
	}
	return "TABLE_NAME=" + table + " "
}
