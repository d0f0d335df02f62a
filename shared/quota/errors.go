package quota

import "github.com/latchkey-api/latchkey/shared/token"

// Errors that a Store and a gate share with the rest of the service. They are
// the values of package token, so that a caller of a gate need not import it.
var (
	ErrContention  = token.ErrContention
	ErrUnavailable = token.ErrUnavailable
	ErrUncertain   = token.ErrUncertain
	ErrRepeatable  = token.ErrRepeatable
)

// An InvalidError is input that breaks a rule; see token.InvalidError.
type InvalidError = token.InvalidError
