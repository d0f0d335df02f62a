package quota

import (
	"context"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A Store keeps the ledgers of tokens. It shares its data with a token.Store:
// each method sees every change that was acknowledged before it began. If no
// token has the key's hash, because the key is unknown or the token was
// deleted, the error is ErrKeyUnknown. A store never reads the clock.
type Store interface {
	// Lookup returns the ledger of a key's token. The key may be the token's
	// previous one: Token.AcceptsKey says whether it still works. If the token
	// uses a wallet and has no free unit in its block at a Unix second, Supply says
	// whether it could draw some.
	Lookup(ctx context.Context, key credential.Key, now int64) (Ledger, error)

	// Do applies an operation to the ledger of a key's token and returns the
	// ledger as stored. Its errors are:
	//   - those of Operation.Apply, together with the unchanged ledger;
	//   - ErrContention if concurrent operations got in the way too often, and
	//     nothing was changed;
	//   - ErrUnavailable, and if the operation may have been applied, also
	//     ErrUncertain. If it is safe to repeat the operation, also
	//     ErrRepeatable.
	// An operation without a request id is never sent again when it could have
	// been applied.
	Do(ctx context.Context, key credential.Key, o Operation) (Ledger, error)

	// Touch records a use of a key's token, or how often its key was refused, in
	// one write that is sent once. It changes nothing that an operation or a change
	// of the token depends on. A token that is gone, or whose last use is recorded
	// already, is not an error. The error is ErrUnavailable, and ErrUncertain if
	// the write may have been made.
	Touch(ctx context.Context, key credential.Key, t Touch) error
}
