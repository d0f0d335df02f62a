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

// maxRecordAge is the age up to which a stream record is counted. The engine
// never deletes its records, so it returns them again after a restart. The mark
// of a counted record lasts longer than this, so no record is counted twice.
const maxRecordAge = 14 * 24 * time.Hour

// A sweeper does for a local engine what DynamoDB's time to live and the purge
// function do in AWS: it removes tokens 30 days after they expire, and counts them.
type sweeper struct {
	engine  *engine.Engine
	db      *database
	reader  *stream.Reader
	pending []dynamo.StreamRecord // records read but not counted yet
}

func newSweeper(e *engine.Engine, db *database) *sweeper {
	return &sweeper{engine: e, db: db, reader: stream.New(db.client, db.table)}
}

// run sweeps at every tick until ctx ends. It logs what was counted.
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

// sweep removes expired tokens and returns how many it counted. It turns the
// table's stream on only while it runs, because each stream record makes later
// writes to the engine slower. Deletions through the API need no record: they
// count themselves.
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
		if now.Sub(r.Time) < maxRecordAge {
			s.pending = append(s.pending, r.StreamRecord)
		}
	}
	done, counted, err := s.db.store().CountPurges(ctx, s.pending, now.Unix())
	s.pending = slices.Delete(s.pending, 0, done)
	if err != nil {
		return counted, err // the next sweep or the next start continues
	}
	return counted, dynamo.SetStream(ctx, s.db.client, s.db.table, false)
}
