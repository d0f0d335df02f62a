package history

import (
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A Store reads histories. Its reads are eventually consistent, for half the
// price, because a history is behind what was charged anyway. What it calls for
// each period is not called concurrently, and gets periods in no particular order.
// Besides the errors named at a method, any method may return token.ErrUnavailable.
type Store interface {
	// EachOfToken calls do for the hours of a token in a span, or its days if
	// the span has more than MaxHourlyDays. Of those without a charge or refusal,
	// some are left out.
	EachOfToken(ctx context.Context, a token.Address, s Span, do func(Period)) error

	// TokenRevision returns the revision of the ledger of one of the caller's
	// tokens, or -1 if the token was deleted. If there never was such a token,
	// the error is token.ErrNotFound. It first passes the caller's user to
	// Caller.Authorize, as a token.Store does.
	TokenRevision(ctx context.Context, c token.Caller, id int64) (int64, error)

	// EachOfUser calls do for the days of the caller's tokens in a span, from
	// the newest tokens on. It reads a bounded number of them, and returns where
	// the next page begins. It authorizes the caller as TokenRevision does, and
	// counts as a search of that many tokens.
	EachOfUser(ctx context.Context, c token.Caller, s Span, from Cursor, do func(Period)) (next Cursor, err error)

	// EachOfTokens calls do for the days of some of the caller's tokens in a span of
	// up to MaxTokenDays days for all of them together. Tokens that don't exist have
	// none. It authorizes the caller as TokenRevision does, and counts as a search of
	// as many tokens as there are days.
	EachOfTokens(ctx context.Context, c token.Caller, ids []int64, s Span, do func(Period)) error

	// FoldStatus returns how many seconds old a change was when it had been
	// counted, and the Unix second of that measurement; zeros if nothing was
	// counted yet.
	FoldStatus(ctx context.Context) (behindSeconds, measuredAt int64, err error)
}

// OfToken reports what one of the caller's tokens was used for, also if it was
// deleted.
func OfToken(ctx context.Context, store Store, c token.Caller, id int64, s Span, by By) (*Report, error) {
	revision, err := store.TokenRevision(ctx, c, id)
	if err != nil {
		return NewReport(by), err //nolint:wrapcheck // the error of the store
	}
	return OfRevision(ctx, store, token.Address{UserID: c.UserID, ID: id}, revision, s, by)
}

// OfRevision is OfToken for a token of which the caller has proven that it may see
// it, at a revision of its ledger.
func OfRevision(ctx context.Context, store Store, a token.Address, revision int64, s Span, by By) (*Report, error) {
	r := NewReport(by)
	if err := store.EachOfToken(ctx, a, s, r.Add); err != nil {
		return r, fmt.Errorf("read the history of token %d/%d: %w", a.UserID, a.ID, err)
	}
	if r.Complete = r.revision == revision; r.Complete {
		return r, nil
	}
	return r, r.measure(ctx, store)
}

// OfUser reports what a part of the caller's tokens were used for. Reports of all
// parts add up to what all tokens were used for.
func OfUser(ctx context.Context, store Store, c token.Caller, s Span, from Cursor, by By) (*Report, Cursor, error) {
	r := NewReport(by)
	next, err := store.EachOfUser(ctx, c, s, from, r.Add)
	if err != nil {
		return r, next, err //nolint:wrapcheck // the error of the store
	}
	return r, next, r.measure(ctx, store)
}

// OfUserPages is OfUser for up to a number of parts, the first ones, together.
func OfUserPages(ctx context.Context, store Store, c token.Caller, s Span, pages int, by By) (*Report, Cursor, error) {
	r := NewReport(by)
	var next Cursor
	for page := range pages {
		var err error
		if next, err = store.EachOfUser(ctx, c, s, next, r.Add); err != nil {
			return r, next, fmt.Errorf("page %d: %w", page+1, err)
		}
		if next.Done() {
			break
		}
	}
	return r, next, r.measure(ctx, store)
}

// OfTokens reports what some of the caller's tokens were used for, those that were
// deleted too. The error is a *token.InvalidError if they have more than
// MaxTokenDays days in the span.
func OfTokens(ctx context.Context, store Store, c token.Caller, ids []int64, s Span, by By) (*Report, error) {
	r := NewReport(by)
	if int64(len(ids))*s.Days() > MaxTokenDays {
		return r, &token.InvalidError{Field: "ids", Reason: fmt.Sprintf("must be fewer, or for fewer days: up to %d days of a token at once", MaxTokenDays)}
	}
	if err := store.EachOfTokens(ctx, c, ids, s, r.Add); err != nil {
		return r, err //nolint:wrapcheck // the error of the store
	}
	return r, r.measure(ctx, store)
}

// measure sets how far the report is behind.
func (r *Report) measure(ctx context.Context, store Store) (err error) {
	r.BehindSeconds, r.MeasuredAt, err = store.FoldStatus(ctx)
	return err //nolint:wrapcheck // the error of the store
}
