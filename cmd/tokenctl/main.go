// Command tokenctl runs Latchkey on this machine, is the operator's tool for
// users and their access tokens, and everyone's for their sk- tokens. It knows
// the command line, files and processes; what a user is, it asks token, and
// about tokens it calls the API.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	signal.Ignore(syscall.SIGPIPE) // else a closed stdout ends the process before it can say so
	context.AfterFunc(ctx, stop)   // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// grammar is the command line.
type grammar struct {
	Serve     serveCmd         `cmd:"" help:"Serve the API on this machine, on a local DynamoDB engine."`
	Proxy     proxyCmd         `cmd:"" help:"Check and charge sk- keys in front of an OpenAI-compatible API."`
	Login     loginCmd         `cmd:"" help:"Save an API's URL and your access token."`
	Logout    logoutCmd        `cmd:"" help:"Forget them."`
	Token     tokenCmd         `cmd:"" help:"List, create, change, rotate, delete and import your sk- tokens."`
	User      userCmd          `cmd:"" help:"Create, list, rotate, disable and enable users."`
	Reconcile reconcileCmd     `cmd:"" help:"Recount a user's tokens and repair its counts."`
	Table     tableCmd         `cmd:"" help:"Make the table on a local engine."`
	Version   kong.VersionFlag `help:"Print the version."`
}

const description = `Latchkey's local server, operator tool, and client.

The token commands call the API that you have logged in to.

The user commands work on the table itself: in AWS, with your AWS credentials
and region, or in the engine at DYNAMODB_ENDPOINT or --endpoint, if one is set.
To reach the local server's engine, set the endpoint that "tokenctl serve"
prints; without one the commands go to AWS.

Example:

    tokenctl serve
    DYNAMODB_ENDPOINT=http://127.0.0.1:8000 tokenctl user list
    tokenctl login --url http://127.0.0.1:3000
    tokenctl token list`

// The defaults of flags and environment variables.
const (
	defaultPort      = "3000"
	defaultProxyPort = "3001"
	defaultDataDir   = ".local"
	defaultTable     = "latchkey"
)

// run is the program but for its exit: 0 if all went well, else 1 and one
// sentence on stderr.
func run(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) int {
	exited, code := false, 0
	parser, err := kong.New(new(grammar),
		kong.Name("tokenctl"),
		kong.Description(description),
		kong.Vars{"version": version(), "port": defaultPort, "proxy_port": defaultProxyPort, "data_dir": defaultDataDir, "table": defaultTable},
		kong.Writers(stdout, stderr),
		kong.Exit(func(c int) { exited, code = true, c }), // after --help and --version
		kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true}),
	)
	if err != nil {
		return fail(stderr, err)
	}
	command, err := parser.Parse(args)
	if exited {
		return code
	}
	if err != nil {
		return fail(stderr, fmt.Errorf("%w: see `tokenctl --help`", err))
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(&console{in: stdin, out: stdout, err: stderr})
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUnread):
		return 1
	default:
		return fail(stderr, err)
	}
}

func fail(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintf(stderr, "tokenctl: %s.\n", sentence(err))
	return 1
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// A console is where a command prints.
type console struct {
	in       *os.File
	out, err io.Writer
	before   string // what is printed before each answer
	reads    bool   // nothing is lost with an answer that was not printed
}

// errUnread ends a command that reads when nobody reads it any more, as head
// does, without a word.
var errUnread = errors.New("nobody reads the answer")

// print writes the whole answer of a command. It says so if it could not,
// for a secret that was not printed is lost.
func (c *console) print(text string) error {
	_, err := io.WriteString(c.out, c.before+text)
	switch {
	case err != nil && c.reads && errors.Is(err, syscall.EPIPE):
		return errUnread
	case err != nil:
		return problemf("the answer could not be written to stdout (%s), though the command was carried out: look with `tokenctl user list` or `tokenctl token list`, and rotate if an access token or a key was in it", reason(err))
	}
	return nil
}

// printJSON writes one line of JSON.
func (c *console) printJSON(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.print(string(line) + "\n")
}
