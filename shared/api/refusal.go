package api

import (
	"fmt"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// keysStopped explains that the operator has stopped the keys of a user.
const keysStopped = "The operator has stopped the keys of this key's user. Ask the operator to let them work again."

// explainRefusal says what refused and what to do, for people. It is empty
// unless the verdict refuses for lack of quota, for a rate, or because the
// operator has stopped the user's keys.
func explainRefusal(v quota.Verdict, units int64) (wire.RefusalDetail, wire.Exhaustion) {
	detail := wire.RefusalDetail{Scope: v.Scope, ResetsAt: v.ResetsAt, RetryAfterMS: milliseconds(v.RetryAfter)}
	switch {
	case v.Scope == quota.ScopeUser:
		return detail, wire.Exhaustion{Message: keysStopped}
	case v.Refusal == quota.RefusedRate:
		return detail, wire.Exhaustion{Message: explainRate(v.Reason)}
	case v.Refusal == quota.RefusedExhausted:
		return detail, wire.Exhaustion{InProgressQuota: &v.InProgress, Message: explainExhausted(v, units)}
	default:
		return detail, wire.Exhaustion{}
	}
}

func explainExhausted(v quota.Verdict, units int64) string {
	period, isWindow := strings.CutPrefix(v.Scope, quota.ScopeWindow)
	model, isModel := strings.CutPrefix(v.Scope, quota.ScopeModel)
	switch {
	case v.Scope == quota.ScopeWallet && v.ResetsAt == 0:
		return "The budget of all tokens of this user does not have as many units. Ask for fewer units, or ask the operator to raise it."
	case v.Scope == quota.ScopeWallet:
		return "The budget of all tokens of this user does not have as many units. It renews at " + renewal(v) + "."
	case isWindow && v.ResetsAt == 0:
		return fmt.Sprintf("The quota of each period of %s is less than that. Ask for fewer units, or raise the quota of this window.", period)
	case isWindow:
		return fmt.Sprintf("The quota of this period (%s) does not have as many units. It renews at %s.", period, renewal(v))
	case isModel:
		return fmt.Sprintf("The quota for models %s does not have as many units. Raise it in model_quotas of the token.", model)
	case v.MayFitLater(units):
		return fmt.Sprintf("Requests in progress hold %d units. Try again when they have ended.", v.InProgress)
	case v.InProgress > 0:
		return fmt.Sprintf("%d units are left, and requests in progress hold %d; both together are not enough. Ask for fewer units, or raise remain_quota of the token.", v.Remain, v.InProgress)
	case v.Remain > 0:
		return fmt.Sprintf("%d units are left. Ask for fewer units, or raise remain_quota of the token.", v.Remain)
	default:
		return "The quota is spent. Raise remain_quota of the token."
	}
}

func renewal(v quota.Verdict) string { return time.Unix(v.ResetsAt, 0).UTC().Format(time.RFC3339) }

func explainRate(r quota.Reason) string {
	switch {
	case r.Scope == quota.ScopeConcurrent:
		return "As many requests as max_concurrent allows are in progress. Try again when one has ended."
	case r.RetryAfter == 0:
		return "The request has more units than units_per_minute allows at once. Ask for fewer units, or raise units_per_minute of the token."
	default:
		return fmt.Sprintf("Requests come faster than the token allows. Try again in %s.", r.RetryAfter.Round(time.Millisecond))
	}
}

// milliseconds rounds up.
func milliseconds(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }
