package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/engine"
	"github.com/latchkey-api/latchkey/shared/event"
)

// maxRecordAge is the age up to which a stream record is read. The mark of a counted
// removal lasts longer than this, so none is counted twice.
const maxRecordAge = 14 * 24 * time.Hour

// readInterval is how often the stream is read. In AWS, Lambda waits longer for a
// full batch.
const readInterval = time.Second

// A localStream does for a local engine what DynamoDB's time to live, the functions
// that read its stream and schedules do in AWS: it removes tokens 30 days after they
// expire, counts them, adds up what tokens are used for, and publishes that they
// expire. Then it drops the records that it has read, because the engine keeps them
// for ever.
type localStream struct {
	sweeper   sweeper
	file      string // the engine's database
	db        *database
	store     *dynamo.Store
	reader    *stream.Reader
	pending   []dynamo.StreamRecord // records read but not finished yet
	timers    localTimers
	publisher event.Publisher // nil drops events
}

// newLocalStream turns the stream on. Expired tokens are removed at intervals of sweep, or
// longer ones.
func newLocalStream(ctx context.Context, e *engine.Engine, file string, db *database, sweep time.Duration) (*localStream, error) {
	if err := dynamo.SetStream(ctx, db.client, db.table, true); err != nil {
		return nil, err
	}
	if err := indexStream(ctx, file); err != nil {
		return nil, err
	}
	if err := indexExpiry(ctx, file, db.table); err != nil {
		return nil, err
	}
	sweeper := sweeper{
		every: sweep, remove: e.Sweep, now: time.Now,
		expired: func(ctx context.Context, now time.Time) (bool, error) { return hasExpired(ctx, file, db.table, now) },
	}
	store := db.store()
	return &localStream{sweeper: sweeper, file: file, db: db, store: store, reader: stream.New(db.client, db.table), timers: localTimers{store: store}}, nil
}

// run reads the stream until ctx ends, and removes expired tokens.
func (s *localStream) run(ctx context.Context, log *slog.Logger) {
	reads, sweeps := time.NewTicker(readInterval), time.NewTimer(s.sweeper.every)
	defer reads.Stop()
	defer sweeps.Stop()
	for {
		var counted int
		var err error
		select {
		case <-ctx.Done():
			return
		case <-sweeps.C:
			var wait time.Duration
			if wait, err = s.sweeper.sweep(ctx); err == nil {
				counted, err = s.read(ctx, time.Now())
			}
			sweeps.Reset(wait)
		case <-reads.C:
			if counted, err = s.read(ctx, time.Now()); err == nil {
				err = s.timers.tell(ctx, s.publisher, time.Now())
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Error("stream", slog.Int("counted", counted), slog.String("error", sentence(err)))
		case counted > 0:
			log.Info("sweep", slog.Int("counted", counted))
		}
	}
}

// read reads the new records and returns how many removals it counted. What it can't
// finish, the next call or the next start does.
func (s *localStream) read(ctx context.Context, now time.Time) (counted int, err error) {
	records, err := s.reader.Next(ctx)
	if err != nil {
		return 0, err
	}
	for _, r := range records {
		if now.Sub(r.Time) < maxRecordAge {
			s.pending = append(s.pending, r)
		}
	}
	if len(s.pending) == 0 {
		return 0, nil
	}
	if _, err := s.store.Fold(ctx, s.pending, now.Unix()); err != nil {
		return 0, err // also what was folded is still to be published
	}
	if err := publishRecords(ctx, s.publisher, s.pending); err != nil {
		return 0, err
	}
	if err := s.timers.file(ctx, s.publisher, s.pending, now); err != nil {
		return 0, err
	}
	done, counted, err := s.store.CountPurges(ctx, s.pending, now.Unix())
	if done > 0 && err == nil {
		err = trimStream(ctx, s.file, s.db.table, s.pending[done-1].Sequence)
	}
	s.pending = slices.Delete(s.pending, 0, done)
	return counted, err
}
