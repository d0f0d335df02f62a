package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/functions/console/web"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/engine"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

type serveCmd struct {
	Port     string        `env:"PORT" default:"${port}" placeholder:"PORT" help:"The port on 127.0.0.1; 0 takes any free one (default ${port})."`
	DataDir  string        `env:"DATA_DIR" default:"${data_dir}" placeholder:"DIR" help:"The folder of the engine's file and of the access token (default ${data_dir})."`
	Endpoint string        `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL and start none."`
	Table    string        `env:"TABLE_NAME" default:"${table}" placeholder:"NAME" help:"The table's name (default ${table})."`
	Sweep    time.Duration `default:"10s" placeholder:"DURATION" help:"How often tokens that expired long ago are removed, as DynamoDB does by itself (default 10s)."`
	Engine   string        `placeholder:"FILE" help:"The engine's binary (default: the project's, where make tools puts it)."`
}

// Help implements kong.HelpProvider.
func (*serveCmd) Help() string {
	return `It starts the engine on a file, makes the table and, the first time, the user demo, and serves the API until Ctrl-C,
which ends the engine too. It prints the URL, the engine's endpoint, demo's access token and a curl line to try. The
access token is kept in DATA_DIR/access-token. Tokens are removed 30 days after they have expired, as in AWS, unless the
engine is your own. Requests are logged on stderr as JSON.

Example:

    PORT=8080 tokenctl serve`
}

// Run implements the command.
func (c *serveCmd) Run(ctx context.Context, out *console) error {
	if err := c.serve(ctx, out); ctx.Err() == nil {
		return err
	}
	return nil // Ctrl-C is how it should end, also while it starts
}

func (c *serveCmd) serve(ctx context.Context, out *console) error {
	port, err := checkPort(cmp.Or(c.Port, defaultPort))
	if err != nil {
		return err
	}
	if c.Sweep <= 0 {
		return problemf("--sweep %s is no time to wait: give one such as 10s", c.Sweep)
	}
	dir, err := openDataDir(cmp.Or(c.DataDir, defaultDataDir))
	if err != nil {
		return err
	}
	defer dir.close()
	listener, err := listen(ctx, port) // before the engine: a busy port fails at once
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server has closed it by then
	back, err := c.start(ctx, dir)
	if err != nil {
		return err
	}
	defer back.stop()
	if err := back.db.createTable(ctx); err != nil {
		return back.db.explain(err, "")
	}
	d, err := prepareDemo(ctx, back.db, dir)
	if err != nil {
		return back.db.explain(err, demoName)
	}
	if err := out.print(greeting("http://"+listener.Addr().String(), back, dir, d)); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(out.err, nil))
	services := api.Services{Tokens: &token.Service{Store: back.db.store(), Now: time.Now}, Keys: gate.New(dynamo.New(back.db.client, back.db.table))}
	defer back.sweep(ctx, c.Sweep, log)()
	server := newServer(api.New(services, log, append(api.Routes(), web.Pages()...)...), log)
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 20*time.Second // an answer is due within the API's own budget
	return serve(ctx, listener, server, 8*time.Second, back.died())
}

// A backend is the database that is served.
type backend struct {
	db     *database
	engine *engine.Engine // nil if it is the operator's
	where  string         // its data are, for the greeting
}

// died is closed when an engine that was started has ended.
func (b *backend) died() <-chan struct{} {
	if b.engine == nil {
		return nil
	}
	return b.engine.Exited()
}

func (b *backend) stop() {
	if b.engine != nil {
		b.engine.Stop()
	}
}

// sweep begins to remove what has expired. The function that it returns ends
// that and waits for it. An engine of the operator's is left alone.
func (b *backend) sweep(ctx context.Context, every time.Duration, log *slog.Logger) (end func()) {
	if b.engine == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { newSweeper(b.engine, b.db).run(ctx, every, log) })
	return func() {
		cancel()
		running.Wait()
	}
}

// start finds the engine that the operator has, or runs one.
func (c *serveCmd) start(ctx context.Context, dir *dataDir) (*backend, error) {
	if c.Endpoint != "" {
		db, err := connect(ctx, c.Endpoint, c.Table)
		return &backend{db, nil, "yours"}, err
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

func greeting(base string, back *backend, dir *dataDir, d demo) string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	line("Latchkey is ready at %s", base)
	line("In a browser: the console at %s/, the reference at %s/docs", base, base)
	line("Engine:       %s (%s)", back.db.endpoint, back.where)
	line("Access token: %s (user %s, kept in %s)", d.access.Reveal(), demoName, dir.accessTokenFile())
	if d.revoked > 0 {
		line("The kept access token was no longer valid and user %s had no free slot: older ones revoked: %d.", demoName, d.revoked)
	}
	if d.user.Disabled {
		line("User %s is disabled: enable it with `tokenctl user enable %s`.", demoName, demoName)
	}
	if d.user.Role != token.RoleUser {
		line("User %s has the role %s and may not manage tokens.", demoName, d.user.Role)
	}
	line("\nCreate a token:")
	line(`  curl -sS -X POST %s/api/token/ -H "Authorization: Bearer %s" -H "Content-Type: application/json" -d '{"name":"first","remain_quota":500000}'`, base, d.access.Reveal())
	line("Ask whether its key, as KEY, may be used:")
	line(`  curl -sS -X POST %s/api/token/verify -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{"quota":1}'`, base)
	line("Manage tokens from another terminal, then with %[1]s token list and so on:\n  %[1]s login --url %[2]s < %[3]s", os.Args[0], base, dir.accessTokenFile())
	line("Manage users:")
	line("  DYNAMODB_ENDPOINT=%s %s%s user list", back.db.endpoint, tableSetting(back.db.table), os.Args[0])
	line("Stop with Ctrl-C.")
	return text.String()
}

// tableSetting is what a command needs to find a table of another name.
func tableSetting(table string) string {
	if table == defaultTable {
		return ""
	}
	return "TABLE_NAME=" + table + " "
}
