// Command expose runs a command and sets DYNAMODB_ENDPOINT to a URL that
// containers can use until the command ends:
//
//	expose http://127.0.0.1:8000 sam local start-api …
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/latchkey-api/latchkey/internal/samtest"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: expose URL COMMAND [ARGUMENT…]")
		os.Exit(2)
	}
	err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(max(exit.ExitCode(), 1))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run ignores Ctrl-C, because the terminal sends it to the command too, and
// forwards SIGTERM to the command.
func run(ctx context.Context, endpoint, name string, args ...string) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	reachable, err := samtest.Expose(ctx, endpoint)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the purpose of this program
	cmd.Env = append(os.Environ(), "DYNAMODB_ENDPOINT="+reachable)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	return cmd.Wait()
}
