// Package modelgateway makes the middleware of shared/gateway a Lambda function
// behind a function URL with the invoke mode RESPONSE_STREAM. It is apart from
// shared/boot, so that the other functions do not contain it.
package modelgateway

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// Run is the main of the function. It does not return. If the environment is
// wrong, or the upstream's key can't be read, it prints what to do to stderr, and
// exits with status 1.
func Run() {
	handler, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func start() (streamHandler, error) {
	env, err := readEnvironment(os.Getenv)
	if err != nil {
		return nil, err
	}
	if env.upstream.Key, err = env.readKey(); err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: env.LogLevel}))
	slog.SetDefault(log) // libraries that use package log then write JSON, too
	env.upstream.Log, env.options.Log = log, log
	middleware := gateway.Middleware(env.Gate(env.Store()), gateway.Forward(env.upstream), env.options)
	answer := handler(middleware, middleware.Wait, log)
	return func(ctx context.Context, event *request) (*response, error) {
		return answer(reqlog.WithProcess(ctx, env.Process), event)
	}, nil
}
