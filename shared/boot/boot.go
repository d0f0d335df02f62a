// Package boot turns routes into a Lambda function: environment, client,
// service, handler, loop. It knows how API Gateway, streams and Lambda speak, and
// nothing of tokens.
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

// Run is the whole main of a function that serves routes. It does not
// return. In a wrong environment it says on stderr what is wrong and what to
// do, and ends the process with 1.
func Run(routes ...api.Route) {
	run(func(e Environment, log *slog.Logger) lambda.Handler { return Handler(e.serve(log, routes), log) })
}

// RunPages is the whole main of a function that serves pages, which needs no
// table. It ends as Run does.
func RunPages(pages ...api.Route) {
	run(func(_ Environment, log *slog.Logger) lambda.Handler {
		return Handler(api.New(api.Services{}, log, pages...), log)
	})
}

// RunAuthorizer is the whole main of the function that judges keys for the
// HTTP APIs of others; see Authorizer. It ends as Run does.
func RunAuthorizer() {
	run(func(e Environment, log *slog.Logger) lambda.Handler {
		return Authorizer(gate.New(e.store()), log)
	})
}

// RunPurge is the whole main of the function that counts the tokens which
// DynamoDB removes; see Purge. It ends as Run does.
func RunPurge() {
	run(func(e Environment, log *slog.Logger) lambda.Handler {
		return Purge(e.store(), time.Now, log)
	})
}

func run(handler func(Environment, *slog.Logger) lambda.Handler) {
	env, err := ReadEnvironment(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: env.LogLevel}))
	slog.SetDefault(log) // makes JSON of what libraries say through package log
	lambda.Start(handler(env, log))
}

func (e Environment) serve(log *slog.Logger, routes []api.Route) http.Handler {
	store := e.store()
	service := &token.Service{Store: store, Now: time.Now}
	return api.New(api.Services{Tokens: service, Keys: gate.New(store)}, log, routes...)
}

// store makes the one store of a function.
func (e Environment) store() *dynamo.Store {
	client := dynamo.NewClient(e.Region, e.Endpoint, e.Credentials)
	return dynamo.New(client, e.Table, dynamo.WithRetention(e.Retention))
}
