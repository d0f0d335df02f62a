package wire

// A Code names a kind of failure for programs. It implements error, so that a
// caller of package client can test for it with errors.Is.
type Code string //nolint:errname // "code" is its name on the wire

func (c Code) Error() string { return string(c) }

// The error codes.
const (
	ErrInvalidJSON         Code = "invalid_json"
	ErrUnknownField        Code = "unknown_field"
	ErrInvalidParameter    Code = "invalid_parameter"
	ErrUnauthorized        Code = "unauthorized"
	ErrUserDisabled        Code = "user_disabled"
	ErrForbidden           Code = "forbidden"
	ErrKeysStopped         Code = "keys_stopped"
	ErrPolicyViolation     Code = "policy_violation"
	ErrTokenNotFound       Code = "token_not_found"
	ErrKeyNotAvailable     Code = "key_not_available"
	ErrBudgetNotFound      Code = "budget_not_found"
	ErrWebhookNotFound     Code = "webhook_not_found"
	ErrWebhookLimit        Code = "webhook_limit_reached"
	ErrRouteNotFound       Code = "route_not_found"
	ErrMethodNotAllowed    Code = "method_not_allowed"
	ErrVersionMismatch     Code = "version_mismatch"
	ErrTokenExpired        Code = "token_expired"
	ErrTokenExhausted      Code = "token_exhausted"
	ErrKeyLeaked           Code = "key_leaked"
	ErrTokenLimit          Code = "token_limit_reached" //nolint:gosec // no secret
	ErrIdempotencyMismatch Code = "idempotency_mismatch"
	ErrRequestTimeout      Code = "request_timeout"
	ErrBodyTooLarge        Code = "body_too_large"
	ErrUnsupportedMedia    Code = "unsupported_media_type"
	ErrRequestReused       Code = "request_id_reused"
	ErrHoldNotFound        Code = "hold_not_found"
	ErrHoldExpired         Code = "hold_expired"
	ErrHoldSettled         Code = "hold_settled"
	ErrHoldReleased        Code = "hold_released"
	ErrModelNotPriced      Code = "model_not_priced"
	ErrTooManyOpen         Code = "too_many_open"
	ErrRateLimited         Code = "rate_limited"
	ErrInternal            Code = "internal"
	ErrUnavailable         Code = "unavailable"
)
