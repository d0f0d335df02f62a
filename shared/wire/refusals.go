package wire

import "github.com/latchkey-api/latchkey/shared/quota"

// A Refusal is the reason why a key is refused. "" means that it is accepted.
type Refusal = quota.Refusal

// The refusals. If several apply, an answer has the first one in this order.
const (
	RefusedUnknown   = quota.RefusedUnknown   // no token has this key
	RefusedDisabled  = quota.RefusedDisabled  // the token is disabled
	RefusedExpired   = quota.RefusedExpired   // the token has expired
	RefusedExhausted = quota.RefusedExhausted // the token has too little quota left
	RefusedModel     = quota.RefusedModel     // the token is not for this model
	RefusedIP        = quota.RefusedIP        // the token is not for this address
)
