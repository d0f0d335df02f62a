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
	Authorize(ctx context.Context, c Caller) error

	// Page returns up to limit tokens, newest first, after skipping skip of
	// them, and the total. Skipping all of them is no error.
	List(ctx context.Context, c Caller, skip, limit int64) (Page, error)

	// After returns up to limit tokens with ids below id, newest first, the
	// total, and in Next the last id if more lie below it.
	ListAfter(ctx context.Context, c Caller, id, limit int64) (Page, error)

	// Window returns the newest tokens with ids below the given one, all that
	// the store reads at a bounded cost: at most MaxWindow, and fewer where
	// deletions lie thick. Next says where it ended, if tokens may be left:
	// whatever has a lower id was not read, and everything from there up to
	// below was. below 0 is from the top. Going on from Next reaches every
	// token.
	SearchWindow(ctx context.Context, c Caller, below int64) (Page, error)

	// Get returns one token.
	Get(ctx context.Context, c Caller, id int64) (Token, error)

	// Create stores the tokens that mint makes for the caller's user, with
	// the user's next ids, all or none of them. mint may be called more than
	// once, each time with the user as it is then; what it made last is what
	// was stored and is returned, and its error is the answer. Losing the race
	// for an id too often is ErrContention; a request for which an answer is
	// kept, an *AnsweredError.
	Create(ctx context.Context, c Caller, mint func(User) (NewTokens, error)) ([]Token, error)

	// UpdateAll is Update of several tokens, each for itself. It returns what
	// each came to, in the order of the ids.
	UpdateAll(ctx context.Context, c Caller, ids []int64, change Change) ([]error, error)

	// DeleteAll is Delete of several tokens, each for itself. It returns what
	// each came to, in the order of the ids.
	DeleteAll(ctx context.Context, c Caller, ids []int64) ([]error, error)

	// Present reports which of the tokens there are, in the order of the ids.
	Exist(ctx context.Context, c Caller, ids []int64) ([]bool, error)

	// Keep keeps a part of a request, unless one is kept already, and returns
	// the one that is.
	SaveResponse(ctx context.Context, c Caller, k SavedResponse) ([]byte, error)

	// Recall returns the answer that is kept for a request at a second, or
	// ErrNotKept.
	LoadResponse(ctx context.Context, c Caller, requestID string, now int64) ([]byte, error)

	// Update applies a change to a token, adds one to its version, and
	// returns it as it is then. Where the stored token does not meet the
	// change's needs, Change.Reconsider says what becomes of it; being told
	// to try another too often is ErrContention.
	Update(ctx context.Context, c Caller, id int64, change Change) (Token, error)

	// Rotate gives a token another key, in one write, and returns it as it is
	// then. If the key has been given, and is still the token's or the one
	// before, nothing happens. A token of another version than the turn is for
	// is ErrVersionMismatch.
	Rotate(ctx context.Context, c Caller, id int64, turn KeyRotation) (Token, error)

	// Delete removes a token for good. Its keys stop working at the latest
	// when Delete returns nil, and with ErrUncertain perhaps already. A token
	// of none of the versions is ErrVersionMismatch.
	Delete(ctx context.Context, c Caller, id int64, versions Versions) error
}

// MaxWindow is how many tokens a search reads at most.
const MaxSearchWindow = 2000

// A Page is a part of a user's tokens, newest first.
type Page struct {
	Tokens []Token
	Total  int64 // of all pages
	Next   int64 // where After or Window goes on; 0 if nothing is left
}

// A Birth is what one create stores.
type NewTokens struct {
	Tokens   []Token        // with the ids from User.Given+1 on
	RateTAT  int64          // the user's, from then on
	Response *SavedResponse // the answer, to be kept with them; nil if it is not to be
}
