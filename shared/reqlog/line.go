package reqlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A Line is the one line that is logged about a request. Callers put no path,
// query, header or body into it: what a client sends may hold a secret.
type Line struct {
	Message    string     // default "request"
	Level      slog.Level // the zero value is slog.LevelInfo
	Route      string     // left out if empty
	Group      Group      // of the route, for metrics; not in a metric if empty
	RequestID  string
	Duration   time.Duration // logged in milliseconds, as ms
	Status     int           // of the answer; left out if 0
	Attrs      []slog.Attr   // what only some requests have, such as token_id
	Code       string        // why the request was refused; left out if empty
	Scope      string        // what refused the key, with credentials masked; left out if empty
	Hedged     int           // of its Cost; left out if 0
	Unrecorded int           // of its Cost; left out if 0
	Err        error         // logged with credentials masked; left out if nil
}

// Write logs the line, with what the Process of the context adds to it.
func (l Line) Write(ctx context.Context, log *slog.Logger) {
	if l.Message == "" {
		l.Message = "request"
	}
	attrs := make([]slog.Attr, 0, len(l.Attrs)+13)
	text := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	text("route", l.Route)
	attrs = append(attrs, slog.Float64("ms", float64(l.Duration.Microseconds())/1000), slog.String("request_id", l.RequestID))
	if l.Status != 0 {
		attrs = append(attrs, slog.Int("status", l.Status))
	}
	attrs = append(attrs, l.Attrs...)
	text("code", l.Code)
	text("scope", credential.Redact(l.Scope)) // a tenant chooses the pattern of a model quota
	count := func(name string, n int) {
		if n != 0 {
			attrs = append(attrs, slog.Int(name, n))
		}
	}
	count("hedged", l.Hedged)
	count("unrecorded", l.Unrecorded)
	if l.Err != nil {
		text("error", credential.Redact(l.Err.Error()))
	}
	process, _ := ctx.Value(processKey{}).(*Process)
	attrs = append(attrs, process.attrs(l)...)
	log.LogAttrs(ctx, l.Level, l.Message, attrs...)
}

// UserID is the attribute user_id.
func UserID(id int64) slog.Attr { return slog.Int64("user_id", id) }

// TokenID is the attribute token_id.
func TokenID(id int64) slog.Attr { return slog.Int64("token_id", id) }

// Reads is the attribute read_units.
func (c Cost) Reads() slog.Attr { return slog.Float64("read_units", c.ReadUnits) }

// Writes is the attribute write_units.
func (c Cost) Writes() slog.Attr { return slog.Float64("write_units", c.WriteUnits) }

// Trips is the attribute round_trips.
func (c Cost) Trips() slog.Attr { return slog.Int("round_trips", c.RoundTrips) }
