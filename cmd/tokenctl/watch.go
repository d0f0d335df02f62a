package main

import (
	"context"
	"time"
)

// watch are the flags of commands that can show something again and again.
type watch struct {
	Watch    bool          `help:"Show it again and again, until Ctrl-C."`
	Interval time.Duration `default:"2s" placeholder:"DURATION" help:"How often --watch does (default ${default})."`
}

const (
	shortestInterval = 100 * time.Millisecond
	clearScreen      = "\x1b[H\x1b[2J"
)

// repeat shows once, or until Ctrl-C, which is how a watch should end.
func (w watch) repeat(ctx context.Context, out *console, json bool, show func(*console) error) error {
	screen := *out
	screen.reads = true
	if !w.Watch {
		return show(&screen)
	}
	if w.Interval < shortestInterval {
		return problemf("--interval must be at least %v", shortestInterval)
	}
	if !json && isTerminal(out.out) {
		screen.before = clearScreen
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
