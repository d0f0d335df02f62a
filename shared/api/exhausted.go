package api

import (
	"fmt"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// explainExhausted tells a quota that requests in progress hold apart from one
// that is spent. It is empty unless the verdict refuses for lack of quota.
func explainExhausted(v quota.Verdict, units int64) wire.Exhaustion {
	if v.Refusal != quota.RefusedExhausted {
		return wire.Exhaustion{}
	}
	message := "The quota is spent. Raise remain_quota of the token."
	switch {
	case v.MayFitLater(units):
		message = fmt.Sprintf("Requests in progress hold %d units. Try again when they have ended.", v.InProgress)
	case v.InProgress > 0:
		message = fmt.Sprintf("%d units are left, and requests in progress hold %d; both together are not enough. Ask for fewer units, or raise remain_quota of the token.", v.Remain, v.InProgress)
	case v.Remain > 0:
		message = fmt.Sprintf("%d units are left. Ask for fewer units, or raise remain_quota of the token.", v.Remain)
	}
	return wire.Exhaustion{InProgressQuota: &v.InProgress, Message: message}
}
