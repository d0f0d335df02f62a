package main

import (
	"context"
	"time"
)

// watch holds the flags of commands that can repeat their output.
type watch struct {
	Watch    bool          `help:"Repeat the output until Ctrl-C."`
	Interval time.Duration `default:"2s" placeholder:"DURATION" help:"Time between two outputs of --watch (default ${default})."`
}

const (
	shortestInterval = 100 * time.Millisecond
	clearScreen      = "\x1b[H\x1b[2J"
)

// repeat calls show once or, with --watch, at every interval until Ctrl-C, which
// is not an error.
func (w watch) repeat(ctx context.Context, out *console, json bool, show func(*console) error) error {
	screen := *out
	screen.readOnly = true
	if !w.Watch {
		return show(&screen)
	}
	if w.Interval < shortestInterval {
		return problemf("--interval must be at least %v", shortestInterval)
	}
	if !json && isTerminal(out.out) {
		screen.prefix = clearScreen
	}
	ticker := time.NewTicker(w.Interval)
	defer ticker.Stop()
	for {
		if err := show(&screen); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
