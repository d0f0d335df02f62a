package wire

import "github.com/latchkey-api/latchkey/shared/token"

// Limits of the API.
const (
	MaxInteger      = token.MaxInteger      // the largest ID and the largest quota: 2^53-1
	MaxBatch        = token.MaxBatch        // tokens that one request can create
	MaxIDs          = token.MaxBatchIDs     // tokens that one request can delete, enable or disable
	MaxPageSize     = 100                   // tokens on a page
	MaxGraceSeconds = token.MaxGraceSeconds // how long an old key can keep working after a rotation: a week
)
