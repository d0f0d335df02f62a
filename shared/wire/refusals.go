package wire

import (
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Refusal is the reason why a key may not do what was asked. "" means that it
// may.
type Refusal = quota.Refusal

// The refusals.
const (
	RefusedUnknown   = quota.RefusedUnknown // unknown, malformed and deleted keys
	RefusedDisabled  = quota.RefusedDisabled
	RefusedExpired   = quota.RefusedExpired
	RefusedExhausted = quota.RefusedExhausted
	RefusedModel     = quota.RefusedModel
	RefusedIP        = quota.RefusedIP
)

// A Status says whether a token may be used.
type Status = token.Status

// The statuses. Enabled and Disabled can be set; the others are derived.
const (
	Enabled   = token.Enabled
	Disabled  = token.Disabled
	Expired   = token.Expired
	Exhausted = token.Exhausted
)

// Limits of the API.
const (
	MaxInteger      = token.MaxInteger      // the largest id and the largest quota
	MaxBatch        = token.MaxBatch        // tokens that one request can create
	MaxGraceSeconds = token.MaxGraceSeconds // for which an old key can stay valid
)
