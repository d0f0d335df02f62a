// Package boot turns routes into a Lambda function. It reads the environment,
// makes the store and the services on it, and answers the events of API Gateway
// and of the table's stream.
package boot

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

// Run is the main of a function that serves routes of the API. It does not
// return. If the environment is wrong, it prints to stderr which variables are
// wrong and what to do, and exits with status 1.
func Run(routes ...api.Route) {
	Start(func(e Environment, log *slog.Logger) lambda.Handler {
		return Handler(below(e.BasePath, e.serve(log, routes)), log)
	})
}

// RunPages is the main of a function that serves pages and uses no table. It
// checks the environment as Run does.
func RunPages(pages ...api.Route) {
	Start(func(e Environment, log *slog.Logger) lambda.Handler {
		return Handler(below(e.BasePath, api.New(api.Services{}, log, pages...)), log)
	})
}

// RunAuthorizer is the main of the function that checks keys for other HTTP
// APIs; see Authorizer. It checks the environment as Run does.
func RunAuthorizer() {
	Start(func(e Environment, log *slog.Logger) lambda.Handler {
		return Authorizer(e.Gate(e.Store()), log)
	})
}

// RunPurge is the main of the function that counts the expired tokens that
// DynamoDB removes; see Purge. It checks the environment as Run does.
func RunPurge() {
	Start(func(e Environment, log *slog.Logger) lambda.Handler {
		return Purge(e.Store(), time.Now, log)
	})
}

// Start is the main of a function with a handler of its own. It does not return. It
// checks the environment as Run does.
func Start(handler func(Environment, *slog.Logger) lambda.Handler) {
	env, err := ReadEnvironment(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: env.LogLevel}))
	slog.SetDefault(log) // libraries that use package log then write JSON, too
	growStack()
	lambda.Start(processHandler{handler(env, log), env.Process})
}

// growStack makes the stack of its goroutine, which also handles the events, large
// enough for a call of the SDK while the stack is almost empty. Else the first
// event waits for it to grow several times, each time with more calls to copy.
//
//go:noinline
func growStack() {
	var most [48 << 10]byte
	runtime.KeepAlive(&most)
}

// A processHandler passes the process on to the log lines of a handler.
type processHandler struct {
	lambda.Handler
	process *reqlog.Process
}

// Invoke implements lambda.Handler.
func (h processHandler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return h.Handler.Invoke(reqlog.WithProcess(ctx, h.process), payload)
}

func (e Environment) serve(log *slog.Logger, routes []api.Route) http.Handler {
	store := e.Store()
	service := &token.Service{Store: store, Now: time.Now}
	hooks := &webhook.Service{Store: store, Now: time.Now, Send: delivery.NewClient(webhook.Rules{}, delivery.TestTimeout, time.Now).Send}
	return api.New(api.Services{Tokens: service, Keys: e.Gate(store), History: store, Trail: store, Webhooks: hooks}, log, routes...)
}

// Store makes the function's store, for its services to share. It has a connection
// to DynamoDB: a function starts with more processor time than it has for a
// request, and nobody waits for it when Lambda starts it ahead of need.
func (e Environment) Store() *dynamo.Store {
	client := dynamo.NewClient(e.Region, e.Endpoint, e.Credentials, dynamo.Hedge(time.Now))
	store := dynamo.New(client, e.Table, dynamo.WithRetention(e.Retention))
	store.Connect(context.Background()) // for a second at most: the client's timeouts apply
	return store
}

// Gate makes the gate of the function's store.
func (e Environment) Gate(store *dynamo.Store) *gate.Gate {
	var options []gate.Option
	if e.ForeignKeys {
		options = append(options, gate.WithForeignKeys(store))
	}
	if !e.NoUseRecords {
		options = append(options, gate.WithUseRecords())
	}
	return gate.New(store, options...)
}
