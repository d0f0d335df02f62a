package reqlog

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// A Process is what the log lines of one process of a Lambda function have in
// common.
type Process struct {
	Function string // the name that Lambda knows the function by
	Version  string // of the function; left out if empty
	Stage    string // whose metrics the lines contain; none if empty. See Line.metrics

	used atomic.Bool
}

type processKey struct{}

// WithProcess returns a context whose lines describe the process, too.
func WithProcess(ctx context.Context, p *Process) context.Context {
	return context.WithValue(ctx, processKey{}, p)
}

// attrs returns what the process adds to a line, and nothing for nil. Only the
// first line of a process has cold_start.
func (p *Process) attrs(l Line) (attrs []slog.Attr) {
	if p == nil {
		return nil
	}
	if !p.used.Swap(true) {
		attrs = append(attrs, slog.Bool("cold_start", true))
	}
	if p.Version != "" {
		attrs = append(attrs, slog.String("version", p.Version))
	}
	if p.Stage != "" {
		attrs = append(attrs, p.metrics(l)...)
	}
	return attrs
}
