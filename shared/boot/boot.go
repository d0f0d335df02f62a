// Package boot turns routes into a Lambda function. It reads the environment,
// makes the store and the services on it, and answers the events of API Gateway
// and of the table's stream.
package boot

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Run is the main of a function that serves routes of the API. It does not
// return. If the environment is wrong, it prints to stderr which variables are
// wrong and what to do, and exits with status 1.
func Run(routes ...api.Route) {
	run(func(e Environment, log *slog.Logger) lambda.Handler { return Handler(e.serve(log, routes), log) })
}

// RunPages is the main of a function that serves pages and uses no table. It
// checks the environment as Run does.
func RunPages(pages ...api.Route) {
	run(func(_ Environment, log *slog.Logger) lambda.Handler {
		return Handler(api.New(api.Services{}, log, pages...), log)
	})
}

// RunAuthorizer is the main of the function that checks keys for other HTTP
// APIs; see Authorizer. It checks the environment as Run does.
func RunAuthorizer() {
	run(func(e Environment, log *slog.Logger) lambda.Handler {
		return Authorizer(e.Gate(e.Store()), log)
	})
}

// RunPurge is the main of the function that counts the expired tokens that
// DynamoDB removes; see Purge. It checks the environment as Run does.
func RunPurge() {
	run(func(e Environment, log *slog.Logger) lambda.Handler {
		return Purge(e.Store(), time.Now, log)
	})
}

func run(handler func(Environment, *slog.Logger) lambda.Handler) {
	env, err := ReadEnvironment(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: env.LogLevel}))
	slog.SetDefault(log) // libraries that use package log then write JSON, too
	lambda.Start(handler(env, log))
}

func (e Environment) serve(log *slog.Logger, routes []api.Route) http.Handler {
	store := e.Store()
	service := &token.Service{Store: store, Now: time.Now}
	return api.New(api.Services{Tokens: service, Keys: e.Gate(store)}, log, routes...)
}

// Store makes the function's store, for its services to share.
func (e Environment) Store() *dynamo.Store {
	client := dynamo.NewClient(e.Region, e.Endpoint, e.Credentials)
	return dynamo.New(client, e.Table, dynamo.WithRetention(e.Retention))
}

// Gate makes the gate of the function's store.
func (e Environment) Gate(store *dynamo.Store) *gate.Gate {
	if e.ForeignKeys {
		return gate.New(store, gate.WithForeignKeys(store))
	}
	return gate.New(store)
}
