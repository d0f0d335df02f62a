// Command overspend tries to spend more than a key's quota through the proxy,
// and prints how much it could. It starts its own engine, upstream and proxy,
// all on this machine, and stops them again. The environment variable TOKENCTL
// names the tokenctl to test.
//
// It sends 20 requests at once on a quota that pays one. Then it does so with
// streams, kills the proxy in the middle of the one that was accepted, and
// sends 20 more to a new proxy. Nothing may be delivered beyond the quota while
// a hold lasts, and nothing may stay held after its time. What was delivered has to be
// charged then.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	b, err := start(ctx, os.Getenv("TOKENCTL"))
	if err != nil {
		fail(err)
	}
	l, err := b.run(ctx)
	b.stop()
	if err != nil {
		fail(err)
	}
	fmt.Printf("overspent: %d\nstill held: %d\ndelivered and not charged: %d\n", l.overspent, l.held, l.uncharged)
	if l != (loss{}) {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "overspend:", err)
	os.Exit(1)
}
