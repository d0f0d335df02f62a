package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowUsage is GET /api/usage/token: what a key has used and has left, also
// if it is expired or exhausted. The answer has the form that New API uses, not
// the envelope.
var ShowUsage = Route{
	Endpoint: Endpoint{Name: "usage", Method: http.MethodGet, Path: wire.UsagePath},
	serve:    func(s Services, r *http.Request) (response, error) { return withKey(s, r, readNothing, showUsage) },
}

func readNothing(*http.Request) (struct{}, error) { return struct{}{}, nil }

func showUsage(ctx context.Context, gate Gate, key string, _ struct{}) (response, error) {
	u, err := gate.Usage(ctx, key)
	t := u.Token
	switch {
	case err != nil:
	case t.Stopped:
		err = errKeyStopped
	case t.Disabled:
		err = errKeyDisabled
	}
	usage := wire.Usage{
		Object: "token_usage", Name: t.Name,
		TotalGranted: u.Granted, TotalUsed: u.Used, TotalAvailable: u.Available, UnlimitedQuota: t.UnlimitedQuota,
		ModelLimits: map[string]bool{}, ModelLimitsEnabled: t.ModelLimitsEnabled,
		Limits: limitsView(t, u.At),
	}
	for _, model := range t.Models {
		usage.ModelLimits[model] = true
	}
	if t.ExpiredTime != token.Never {
		usage.ExpiresAt = t.ExpiredTime
	}
	a := okResponse(wire.UsageAnswer{Code: true, Message: "ok", Data: usage}).forKey(t)
	a.bare = true
	return a, err
}
