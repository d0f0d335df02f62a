package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/token"
)

// UsagePath is where a key asks what it has used.
const UsagePath = "/api/usage/token"

// ShowUsage is GET /api/usage/token: what a key has used and has left, for
// whoever holds it, also when it is expired or exhausted. The answer has the
// API family's own form, not the envelope.
var ShowUsage = Route{
	Operation: &usageOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return use(s, r, readNothing, showUsage) },
}

var usageOperation = Operation{
	Name: "usage", Method: http.MethodGet, Path: UsagePath,
	Actions: []string{actionGet},
}

// A UsageAnswer is the whole body of the answer.
type UsageAnswer struct {
	Code    bool   `json:"code"` // true
	Message string `json:"message"`
	Data    Usage  `json:"data"`
}

// A Usage is what a key has used and has left, in units. TotalGranted is the
// sum of both, and of what is held for requests under way.
type Usage struct {
	Object             string          `json:"object"` // token_usage
	Name               string          `json:"name"`
	TotalGranted       int64           `json:"total_granted"`
	TotalUsed          int64           `json:"total_used"`
	TotalAvailable     int64           `json:"total_available"`
	UnlimitedQuota     bool            `json:"unlimited_quota"`
	ModelLimits        map[string]bool `json:"model_limits"`
	ModelLimitsEnabled bool            `json:"model_limits_enabled"`
	ExpiresAt          int64           `json:"expires_at"` // Unix seconds; 0 = never
}

func readNothing(*http.Request) (struct{}, error) { return struct{}{}, nil }

func showUsage(ctx context.Context, gate Gate, key string, _ struct{}) (answer, error) {
	u, err := gate.Usage(ctx, key)
	t := u.Token
	if err == nil && t.Disabled {
		err = errKeyDisabled
	}
	usage := Usage{
		Object: "token_usage", Name: t.Name,
		TotalGranted: u.Granted, TotalUsed: u.Used, TotalAvailable: u.Available, UnlimitedQuota: t.UnlimitedQuota,
		ModelLimits: map[string]bool{}, ModelLimitsEnabled: t.ModelLimitsEnabled,
	}
	for _, model := range t.Models {
		usage.ModelLimits[model] = true
	}
	if t.ExpiredTime != token.Never {
		usage.ExpiresAt = t.ExpiredTime
	}
	a := ok(UsageAnswer{Code: true, Message: "ok", Data: usage}).of(t)
	a.bare = true
	return a, err
}
