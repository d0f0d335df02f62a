package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowUsage is GET /api/usage/token: what a key has used and has left, also
// if it is expired or exhausted. The answer has the form that New API uses, not
// the envelope.
var ShowUsage = Route{
	Endpoint: Endpoint{Name: "usage", Method: http.MethodGet, Path: wire.UsagePath},
	serve:    func(s Services, r *http.Request) (response, error) { return withKey(s, r, readOrigin, showUsage) },
}

func readNothing(*http.Request) (struct{}, error) { return struct{}{}, nil }

func readOrigin(r *http.Request) (quota.Origin, error) { return originOf(r), nil }

func showUsage(ctx context.Context, gate Gate, key string, from quota.Origin) (response, error) {
	u, err := gate.Usage(ctx, key, from)
	t := u.Token
	if err == nil {
		err = refuseOff(t)
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

// refuseOff returns the error for a key that is disabled or stopped, nil for others.
func refuseOff(t token.Token) error {
	switch {
	case t.Stopped:
		return errKeyStopped
	case t.Disabled:
		return errKeyDisabled
	default:
		return nil
	}
}
