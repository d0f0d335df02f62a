package dynamo

import (
	"context"
	"fmt"
)

// The attributes of the FOLD item: how far Fold was behind when it last wrote this.
const (
	foldBehind = "behind" // seconds
	foldAt     = "at"     // Unix second
)

// foldStatusSeconds is how often a process writes the FOLD item at most.
const foldStatusSeconds = 30

func foldKey() item { return key("F", 0) }

// noteFold writes how far Fold is behind. Nothing depends on it, so an error is no
// error of Fold: the next call writes it again.
func (s *Store) noteFold(ctx context.Context, f Folding, now int64) {
	if f.Written == 0 && f.Changes == 0 || now < s.foldNoted.Load()+foldStatusSeconds {
		return
	}
	it := foldKey()
	it[foldBehind], it[foldAt] = number(f.BehindSeconds), number(now)
	if _, err := s.put(ctx, it, newExpression(), retryIdempotent()); err == nil {
		s.foldNoted.Store(now)
	}
}

// FoldStatus returns how many seconds old a change was when Fold had counted it, and
// the Unix second of that measurement; zeros if Fold never ran. It costs half a read
// unit.
func (s *Store) FoldStatus(ctx context.Context) (behindSeconds, measuredAt int64, err error) {
	it, err := s.getSoon(ctx, foldKey())
	if err != nil {
		return 0, 0, fmt.Errorf("read the state of the history: %w", err)
	}
	r := reader{item: it}
	return r.number(foldBehind), r.number(foldAt), r.err
}
