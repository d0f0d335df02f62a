// Command tokenctl serves the Latchkey API on this machine, manages users and
// their access tokens for the operator, and manages sk- tokens through the API
// for any user. This package handles the command line, files and processes.
// The rules for users are in shared/token.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	signal.Ignore(syscall.SIGPIPE) // a write to a closed stdout then returns an error, which print reports
	context.AfterFunc(ctx, stop)   // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// grammar declares the commands and global flags for kong.
type grammar struct {
	Serve     serveCmd         `cmd:"" help:"Serve the API on this machine with a local DynamoDB engine."`
	Proxy     proxyCmd         `cmd:"" help:"Check and charge sk- keys in front of a model API."`
	Login     loginCmd         `cmd:"" help:"Save an API's URL and your access token."`
	Logout    logoutCmd        `cmd:"" help:"Delete the saved URL and access token."`
	Token     tokenCmd         `cmd:"" help:"List, create, change, rotate, delete and import your sk- tokens."`
	Key       keyCmd           `cmd:"" help:"Check or revoke keys that have leaked."`
	Import    importCmd        `cmd:"" help:"Import the tokens of another system with the keys that they have."`
	Shadow    shadowCmd        `cmd:"" help:"Compare what another system and Latchkey answer about each key."`
	Export    exportCmd        `cmd:"" help:"Write tokens as another system has them."`
	Webhook   webhookCmd       `cmd:"" help:"Create, list, change, test, rotate and delete the URLs that events are sent to."`
	Usage     usageCmd         `cmd:"" help:"Show what your tokens were used for, or export it as CSV."`
	User      userCmd          `cmd:"" help:"Create, list, disable and enable users, rotate their access tokens, and set their limits."`
	Prices    pricesCmd        `cmd:"" help:"Set, show, check and import the prices of models."`
	Audit     auditCmd         `cmd:"" help:"Show who has changed tokens, webhooks, users and prices."`
	Reconcile reconcileCmd     `cmd:"" help:"Recount a user's tokens and correct the stored counts."`
	Purge     purgeCmd         `cmd:"" help:"Count removed tokens that the purge function could not count."`
	Restore   restoreCmd       `cmd:"" help:"Make a table that was restored from a backup as narrow as the live one."`
	Doctor    doctorCmd        `cmd:"" help:"Report what a deployment lacks, with the commands that mend it."`
	Table     tableCmd         `cmd:"" help:"Create the table in a local DynamoDB engine."`
	Version   kong.VersionFlag `help:"Print the version."`
}

const description = `Serve the Latchkey API locally, manage users, and manage sk- tokens.

The token commands call the API that you are logged in to.

The user and prices commands work directly on the DynamoDB table. They use AWS, with your
AWS credentials and region, unless DYNAMODB_ENDPOINT or --endpoint names another
engine. "tokenctl serve" prints the endpoint of its engine.

Example:

    tokenctl serve
    DYNAMODB_ENDPOINT=http://127.0.0.1:8000 tokenctl user list
    tokenctl login --url http://127.0.0.1:3000
    tokenctl token list`

// Defaults of flags and of the environment variables behind them.
const (
	defaultPort        = "3000"
	defaultProxyPort   = "3001"
	defaultProxyListen = localhost + ":" + defaultProxyPort
	defaultDataDir     = ".local"
	defaultTable       = "latchkey"
)

// run runs one command and returns the exit code: 0 on success; 1 on failure,
// after one sentence on stderr; 3 if an import left out some of the rows.
func run(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) int {
	exited, code := false, 0
	parser, err := newParser(stdout, stderr, func(c int) { exited, code = true, c })
	if err != nil {
		return fail(stderr, err)
	}
	command, err := parser.Parse(args)
	if exited {
		return code
	}
	if err != nil {
		return fail(stderr, problemf("%s: see `tokenctl --help`", credential.Redact(err.Error()))) // it may quote an argument
	}
	command.BindTo(token.WithOrigin(ctx, originOf(command.Command())), (*context.Context)(nil))
	err = command.Run(&console{in: stdin, out: stdout, err: stderr})
	var partial *partialError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &partial):
		return partial.exit(stderr)
	case errors.Is(err, errUnread), errors.Is(err, errFindings):
		return 1
	default:
		return fail(stderr, err)
	}
}

// originOf is what the audit trail has about the changes of a command, of which it gets
// the name and not the arguments.
func originOf(command string) token.Origin {
	name, _, _ := strings.Cut(command, " <")
	o := token.Origin{Command: name}
	if person, err := user.Current(); err == nil { // else the account has no name
		o.Person = person.Username
	}
	return o
}

// newParser returns the parser of the command line. It calls exit after --help and
// --version.
func newParser(stdout, stderr io.Writer, exit func(code int)) (*kong.Kong, error) {
	return kong.New(new(grammar),
		kong.Name("tokenctl"),
		kong.Description(description),
		kong.Vars{"version": version(debug.ReadBuildInfo()), "port": defaultPort, "proxy_listen": defaultProxyListen, "data_dir": defaultDataDir, "upstream_auths": upstreamAuths(), "table": defaultTable},
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true}),
	)
}

// fail prints an error as one sentence and returns the exit code.
func fail(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintf(stderr, "tokenctl: %s.\n", sentence(err))
	return 1
}

// A console holds the streams of a command.
type console struct {
	in       *os.File
	out, err io.Writer
	prefix   string // printed before each output, such as a sequence that clears the screen
	readOnly bool   // the command changes nothing, so output that is lost does no harm
}

// errUnread ends a read-only command whose reader has closed the pipe, as
// head does. It is not reported.
var errUnread = errors.New("stdout was closed by its reader")

// print writes the output of a command. It returns an error if that fails,
// because a new key or access token in the output would be lost.
func (c *console) print(text string) error {
	_, err := io.WriteString(c.out, c.prefix+text)
	switch {
	case err != nil && c.readOnly && errors.Is(err, syscall.EPIPE):
		return errUnread
	case err != nil:
		return problemf("the command succeeded, but its output could not be written to stdout (%s): check the result with `tokenctl user list` or `tokenctl token list`, and rotate if the output held an access token or a key", reason(err))
	}
	return nil
}

// printJSON writes v as one line of JSON.
func (c *console) printJSON(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.print(string(line) + "\n")
}
