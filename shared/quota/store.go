package quota

import (
	"context"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A Store is what gateways ask about keys. The same table as a Store's is
// behind it, so each method sees every change that was acknowledged before
// it began. A key of which no token has the hash, as it is unknown or was
// deleted, is ErrKeyUnknown. The store never reads the clock.
type Store interface {
	// Look reads the token of a key, in one strongly consistent read. The key
	// may be the one before the token's: Token.Opens says whether it is over.
	Lookup(ctx context.Context, key credential.Key) (Ledger, error)

	// Do carries out an operation on the token of a key, in one write of one
	// item; where that finds the item to be untidy, in a second one. It
	// returns the ledger as it is then. The error is one of Apply's, with the
	// ledger as it was; ErrContention if rivals rewrote the item again and
	// again, with nothing done; or ErrUnavailable. ErrUncertain is for an
	// operation that may have been carried out; it is ErrRepeatable too if to
	// ask again is safe. An operation that is not repeatable is sent at most
	// once, unless DynamoDB said that it refused it.
	Do(ctx context.Context, key credential.Key, o Operation) (Ledger, error)
}
