package token

import "context"

// A Store keeps users' tokens durably, for many processes at once. It is the
// union of the interfaces below, and its rules hold for each of them:
//
//   - A method first reads the caller's user and passes it to
//     Caller.Authorize. If that fails, the method returns the error and
//     changes nothing.
//   - Reads are strongly consistent: they see every write that was
//     acknowledged before they began.
//   - A write of one token is atomic and happens at most once. After
//     ErrUncertain it may or may not have been applied; after any other error
//     it was not.
//   - ErrNotFound is returned for a token that was deleted, belongs to another
//     user or never existed.
//   - A store never reads the clock.
//   - Before a change or a search, a method asks User.AdmitChanges. If that
//     refuses it, the method returns the *ChangeRateError and has done nothing.
//
// Besides the errors named at a method, any method may return ErrUnavailable,
// and any write ErrUncertain.
type Store interface {
	Authorizer
	Reader
	Writer
	BatchWriter
	ResponseStore
	AccountReader
}

// An Authorizer checks callers.
type Authorizer interface {
	// Authorize runs Caller.Authorize on the caller's user and does nothing
	// else.
	Authorize(ctx context.Context, c Caller) error
}

// A Reader reads tokens.
type Reader interface {
	// Get returns one token.
	Get(ctx context.Context, c Caller, id int64) (Token, error)

	// GetAll returns tokens by their ids. It leaves out those that Get does not
	// find. The ids must be unique.
	GetAll(ctx context.Context, c Caller, ids []int64) (map[int64]Token, error)

	// List skips the newest skip tokens and returns up to limit of the
	// following ones, newest first, with the total. If there are more, Next is
	// the id from which ListAfter goes on. Skipping all tokens is not an error.
	List(ctx context.Context, c Caller, skip, limit int64) (Page, error)

	// ListAfter returns up to limit tokens with ids below id, newest first,
	// with the total. If there are more below, Next is the last id returned.
	ListAfter(ctx context.Context, c Caller, id, limit int64) (Page, error)

	// Search returns a page of the tokens that match a query among the newest
	// tokens below an id. It compares as many tokens as a bounded cost allows: at
	// most MaxSearchWindow, and fewer where many ids are deleted. Total is how many
	// of them match. If Next is not 0, more of them match, or tokens below were not
	// compared; a search that continues from Next until it is 0 finds every token.
	// The tokens are as they are now, but what changed in the last second may not be
	// found in a token that is not new.
	Search(ctx context.Context, c Caller, search Search) (Page, error)
}

// A Writer creates, changes and deletes tokens.
type Writer interface {
	// Create stores the tokens that mint makes for the caller's user, which has
	// its Policy: all or none of them. Their ids must follow User.LastTokenID. If another create
	// takes the ids first, mint is called again with the user's new state; its
	// last result is what was stored and returned, and an error of mint is the
	// error of Create. After too many attempts the error is ErrContention. If a
	// response is already saved for the request, the error is an
	// *AlreadyAnsweredError.
	Create(ctx context.Context, c Caller, mint func(User) (NewTokens, error)) ([]Token, error)

	// Update applies a change, adds 1 to the token's version and returns the
	// token as stored. If the token does not meet the change's requirements,
	// Change.ResolveMismatch decides the error or another attempt; after too
	// many attempts the error is ErrContention. If a policy can refuse the
	// change, Update sets Change.Policy to the user's and asks
	// Change.CheckPolicy.
	Update(ctx context.Context, c Caller, id int64, change Change) (Token, error)

	// Rotate replaces a token's key as plan says, which it calls once, and
	// returns the token as stored. An error of plan is the error of Rotate. If
	// the new key is already the token's current or previous key, it changes
	// nothing. If the token does not have the rotation's version, the error is
	// ErrVersionMismatch.
	Rotate(ctx context.Context, c Caller, id int64, plan func() (KeyRotation, error)) (Token, error)

	// Delete removes a token for good. Once it returns nil, the token's keys
	// are refused. After ErrUncertain they may or may not be. If the token has
	// none of the versions, the error is ErrVersionMismatch.
	Delete(ctx context.Context, c Caller, id int64, versions Versions) error
}

// An AccountReader reads what concerns all of a user's tokens together.
type AccountReader interface {
	// Account returns the caller's user and its wallet as it was last written;
	// see Wallet.At.
	Account(ctx context.Context, c Caller) (User, Wallet, error)

	// AccountHoldings returns where the units of the user's budget are. If the
	// user has a wallet, it reads all of its tokens, and counts as a search of that
	// many. If tokens draw and return units all the time, the error is
	// ErrContention.
	AccountHoldings(ctx context.Context, c Caller) (Holdings, error)
}

// A BatchPlan is called with one bool for each id of a batch, in order, which
// says whether the token exists, before anything is written. If it returns an
// error, nothing is done, and that is the error of the call. It may be nil.
type BatchPlan func(exist []bool) error

// A BatchWriter changes several tokens, each independently of the others. The
// ids must be unique. Each counts as one change, also one without a token. Its
// methods return one error or nil for each id, in order, and a separate error
// that concerns the whole call: then nothing was written. They read the tokens
// first, and write none that does not exist.
type BatchWriter interface {
	// UpdateAll does what Update does, for each id.
	UpdateAll(ctx context.Context, c Caller, ids []int64, change Change, plan BatchPlan) ([]error, error)

	// DeleteAll does what Delete does, for each id and any version.
	DeleteAll(ctx context.Context, c Caller, ids []int64, plan BatchPlan) ([]error, error)
}

// A ResponseStore saves responses so that a repeated request gets the first
// one's. See IdempotentRequest.
type ResponseStore interface {
	// SaveResponse saves a part of a request's response, unless that part is
	// saved already, and returns the part that is now saved.
	SaveResponse(ctx context.Context, c Caller, response SavedResponse) ([]byte, error)

	// LoadResponse returns a part that is saved for a request at a Unix second,
	// or ErrNoSavedResponse.
	LoadResponse(ctx context.Context, c Caller, requestID string, part ResponsePart, now int64) ([]byte, error)
}

// MaxSearchWindow is the largest number of tokens that one search compares.
const MaxSearchWindow = 2000

// A Search says what to search for, and which page of the matches to return.
type Search struct {
	Query      Query // normalized
	Below      int64 // only tokens with lower ids; 0 is any
	Skip, Size int64
	Now        int64 // Unix seconds
}

// A Page is a part of a user's tokens, newest first.
type Page struct {
	Tokens []Token
	Total  int64 // tokens on all pages together
	Next   int64 // the id to pass to ListAfter or Search next; 0 if no tokens are left
}

// NewTokens are what one create stores.
type NewTokens struct {
	Tokens   []Token        // with consecutive ids from User.LastTokenID+1
	RateTAT  int64          // the user's new User.RateTAT
	Response *SavedResponse // saved in the same write; nil saves none
}
