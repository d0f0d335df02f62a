package token

import "context"

// A Store keeps users and their tokens, durably and for many processes at
// once.
//
// Every method reads the caller's user first and passes it to Caller.Admit;
// an error from there is the answer, and nothing has changed. Reads are
// strongly consistent: they see every write that was acknowledged before
// they began. Writes are atomic. A write that answers ErrUncertain may or may
// not have been applied; one that answers any other error was not. No write
// is ever applied twice. The store never reads the clock.
//
// A token that is deleted, another user's, or never existed is ErrNotFound.
type Store interface {
	// Admit only lets the caller in or not.
	Admit(ctx context.Context, c Caller) error

	// Page returns up to limit tokens, newest first, after skipping skip of
	// them, and the total. Skipping all of them is no error.
	Page(ctx context.Context, c Caller, skip, limit int64) (Page, error)

	// After returns up to limit tokens with ids below id, newest first, the
	// total, and in Next the last id if more lie below it.
	After(ctx context.Context, c Caller, id, limit int64) (Page, error)

	// Get returns one token.
	Get(ctx context.Context, c Caller, id int64) (Token, error)

	// Create gives the caller's next id to the token that mint makes for it
	// and stores that token. mint may be called more than once, each time
	// with the id to be given then; the last token that it made is the one
	// stored and returned. Losing the race for an id too often is
	// ErrContention.
	Create(ctx context.Context, c Caller, mint func(id int64) Token) (Token, error)

	// Update applies a change to a token, adds one to its version, and
	// returns it as it is then. Where the stored token does not meet the
	// change's needs, Change.Reconsider says what becomes of it; being told
	// to try another too often is ErrContention.
	Update(ctx context.Context, c Caller, id int64, change Change) (Token, error)

	// Delete removes a token for good. Its key stops working at the latest
	// when Delete returns nil, and with ErrUncertain perhaps already.
	Delete(ctx context.Context, c Caller, id int64) error
}

// A Page is a part of a user's tokens, newest first.
type Page struct {
	Tokens []Token
	Total  int64 // of all pages
	Next   int64 // where After goes on; 0 if nothing is left
}
