package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/engine"
)

// recordsFor is for how long a record is counted. A mark of one that was
// counted stays longer, so no record of the engine's, which keeps them for good,
// is counted again when the server starts again.
const recordsFor = 14 * 24 * time.Hour

// A sweeper does for a local engine what DynamoDB and the purge function do in
// AWS: it removes tokens some time after they have expired, and counts them.
type sweeper struct {
	engine  *engine.Engine
	db      *database
	reader  *stream.Reader
	pending []dynamo.StreamRecord // that could not be counted yet
}

func newSweeper(e *engine.Engine, db *database) *sweeper {
	return &sweeper{engine: e, db: db, reader: stream.New(db.client, db.table)}
}

// run sweeps until the context ends.
func (s *sweeper) run(ctx context.Context, every time.Duration, log *slog.Logger) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		counted, err := s.sweep(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Error("sweep", slog.Int("counted", counted), slog.String("error", sentence(err)))
		case counted > 0:
			log.Info("sweep", slog.Int("counted", counted))
		}
	}
}

// sweep has the table's stream on only while it sweeps: the more records a
// stream has, the longer the engine takes for each write. What callers delete
// meanwhile they count themselves.
func (s *sweeper) sweep(ctx context.Context, now time.Time) (counted int, err error) {
	if err := dynamo.SetStream(ctx, s.db.client, s.db.table, true); err != nil {
		return 0, err
	}
	if _, err := s.engine.Sweep(ctx); err != nil {
		return 0, err
	}
	records, err := s.reader.Next(ctx)
	if err != nil {
		return 0, err
	}
	for _, r := range records {
		if now.Sub(r.Time) < recordsFor {
			s.pending = append(s.pending, r.StreamRecord)
		}
	}
	done, counted, err := s.db.store().CountPurges(ctx, s.pending, now.Unix())
	s.pending = slices.Delete(s.pending, 0, done)
	if err != nil {
		return counted, err // the next sweep goes on; nothing is lost if there is none
	}
	return counted, dynamo.SetStream(ctx, s.db.client, s.db.table, false)
}
