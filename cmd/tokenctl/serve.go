package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/token"
)

type serveCmd struct {
	Port     string `env:"PORT" default:"${port}" placeholder:"PORT" help:"The port on 127.0.0.1; 0 takes any free one (default ${port})."`
	DataDir  string `env:"DATA_DIR" default:"${data_dir}" placeholder:"DIR" help:"The folder of the engine's file and of the access token (default ${data_dir})."`
	Endpoint string `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL and start none."`
	Table    string `env:"TABLE_NAME" default:"${table}" placeholder:"NAME" help:"The table's name (default ${table})."`
	Engine   string `placeholder:"FILE" help:"The engine's binary (default: the project's, where make tools puts it)."`
}

// Help implements kong.HelpProvider.
func (*serveCmd) Help() string {
	return `It starts the engine on a file, makes the table and, the first time, the user demo, and serves the API until Ctrl-C,
which ends the engine too. It prints the URL, the engine's endpoint, demo's access token and a curl line to try. The
access token is kept in DATA_DIR/access-token. Requests are logged on stderr as JSON.

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
	service := &token.Service{Store: back.db.store(), Now: time.Now}
	return serve(ctx, listener, newServer(api.New(service, log, api.Routes()...), log), back.died)
}

func checkPort(s string) (int, error) {
	port, err := strconv.Atoi(s)
	if err != nil || port < 0 || port > 65535 {
		return 0, problemf("PORT %q is not a port: set it to a number from 0 to 65535, where 0 takes any free one", s)
	}
	return port, nil
}

func listen(ctx context.Context, port int) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, problemf("port %d is in use: stop what uses it, or set PORT to another, or to 0 for any free one", port)
	default:
		return nil, problemf("port %d can't be used (%s): set PORT to another, or to 0 for any free one", port, reason(err))
	}
}

// A backend is the database that is served.
type backend struct {
	db    *database
	died  <-chan struct{} // closed when an engine that was started has ended
	stop  func()
	where string // its data are, for the greeting
}

// start finds the engine that the operator has, or runs one.
func (c *serveCmd) start(ctx context.Context, dir *dataDir) (*backend, error) {
	if c.Endpoint != "" {
		db, err := connect(ctx, c.Endpoint, c.Table)
		return &backend{db, nil, func() {}, "yours"}, err
	}
	if err := checkTable(cmp.Or(c.Table, defaultTable)); err != nil {
		return nil, err
	}
	e, err := dir.startEngine(ctx, c.Engine)
	if err != nil {
		return nil, err
	}
	return &backend{connectEngine(e.Endpoint, c.Table), e.Exited(), e.Stop, "data in " + dir.engineFile()}, nil
}

func greeting(base string, back *backend, dir *dataDir, d demo) string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	line("Latchkey is ready at %s", base)
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
	line("Manage users, from another terminal:")
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

// newServer bounds what a slow or careless client can hold; an answer is due
// within the API's own budget, which is shorter.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      handler,
		DisableGeneralOptionsHandler: true, // so that OPTIONS * has our envelope, too
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  10 * time.Second,
		WriteTimeout:                 20 * time.Second,
		IdleTimeout:                  time.Minute,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// serve answers requests until the context ends, which is no error, or the
// engine does. Requests under way are answered first.
func serve(ctx context.Context, listener net.Listener, server *http.Server, died <-chan struct{}) error {
	const grace = 8 * time.Second
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close()
		}
		return nil
	case <-died:
		_ = server.Close()
		return problemf("the local DynamoDB engine ended while it was in use: start `tokenctl serve` again, the data are kept")
	case err := <-failed:
		return problemf("the server stopped (%s): start it again", reason(err))
	}
}
