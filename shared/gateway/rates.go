package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// rateHeaders tell a client the rates of its key, and what of them is left, as
// draft-ietf-httpapi-ratelimit-headers has them. They are empty for a key
// without rates.
type rateHeaders struct{ policy, limit string }

// ratesOf returns the headers of a token after its request.
func ratesOf(t token.Token, now time.Time) rateHeaders {
	var policies, limits []string
	for _, rate := range []struct {
		name      string
		perMinute int64
		tat       int64
	}{{"requests", t.RequestsPerMinute, t.RequestTAT}, {"units", t.UnitsPerMinute, t.UnitTAT}} {
		if rate.perMinute == 0 {
			continue
		}
		left, full := quota.PaceOf(rate.perMinute).Left(rate.tat, now.UnixNano())
		policies = append(policies, fmt.Sprintf("%q;q=%d;w=60", rate.name, rate.perMinute))
		limits = append(limits, fmt.Sprintf("%q;r=%d;t=%d", rate.name, left, seconds(full)))
	}
	return rateHeaders{strings.Join(policies, ", "), strings.Join(limits, ", ")}
}

func (r rateHeaders) set(h http.Header) {
	if r.policy != "" {
		h.Set("RateLimit-Policy", r.policy)
		h.Set("RateLimit", r.limit)
	}
}

// rateResponse tells that a request comes faster than the key's rates allow.
func rateResponse(r quota.Reason) ErrorResponse {
	e := ErrorResponse{Status: http.StatusTooManyRequests, Type: rateLimit, Code: "rate_limit_exceeded", RetryAfterSeconds: 1}
	switch {
	case r.Scope == quota.ScopeConcurrent:
		e.Message = "This API key has as many requests in progress as it may have. Wait until one of them ends, then try again."
	case r.RetryAfter == 0:
		e.RetryAfterSeconds, e.noRetry = 0, true
		e.Message = "This request may need more units than this API key may use in a minute. Reduce the input or the maximum number of tokens, or ask the issuer of the key for a higher rate."
	default:
		e.RetryAfterSeconds = int(seconds(r.RetryAfter))
		e.Message = fmt.Sprintf("This API key sends %s faster than it may. Wait for the number of seconds in Retry-After, then try again.", strings.TrimPrefix(r.Scope, "rate:"))
	}
	return e
}

// windowResponse tells that a quota which renews is used up.
func windowResponse(r *refusal) ErrorResponse {
	e := ErrorResponse{
		Status: http.StatusTooManyRequests, Type: insufficientQuota, Code: insufficientQuota, noRetry: true,
		RetryAfterSeconds: int(max(1, r.ResetsAt-r.verdict.At)),
	}
	e.Message = fmt.Sprintf("This API key has %d units left in this period (%s), and the request may need %d. The quota renews at %s.",
		r.verdict.Free, strings.TrimPrefix(r.Scope, quota.ScopeWindow), max(1, r.wantedUnits), time.Unix(r.ResetsAt, 0).UTC().Format(time.RFC3339))
	return e
}

// walletResponse tells that the budget of the key's user is used up.
func walletResponse(r *refusal) ErrorResponse {
	e := ErrorResponse{
		Status: http.StatusTooManyRequests, Type: insufficientQuota, Code: insufficientQuota, noRetry: true,
		Message: fmt.Sprintf("The budget of this API key's account does not have the %d units that the request may need.", max(1, r.wantedUnits)),
	}
	if r.ResetsAt == 0 {
		e.Message += " Ask the issuer of the key to raise it."
		return e
	}
	e.RetryAfterSeconds = int(max(1, r.ResetsAt-r.verdict.At))
	e.Message += fmt.Sprintf(" It renews at %s.", time.Unix(r.ResetsAt, 0).UTC().Format(time.RFC3339))
	return e
}

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
