package stack

import (
	"strings"

	"github.com/latchkey-api/latchkey/shared/api"
)

// isDataPlane reports whether a function serves one of the requests that a model
// request waits for.
func isDataPlane(f api.Function) bool {
	switch f.Name {
	case "verify", "reserve", "settle", "release":
		return true
	default:
		return false
	}
}

// isPublic reports whether a function answers strangers. Webhooks, which nobody calls
// often, have the same limits.
func isPublic(f api.Function) bool {
	return f.Name == api.Console || f.Name == api.Fallback || f.Name == "status" || f.Name == "webhooks"
}

// isHistory reports whether a function reads what happened, which people do now and
// then.
func isHistory(f api.Function) bool { return f.Name == api.UsageHistory || f.Name == "audit" }

// hasLimits reports whether the routes of a function have limits by name.
func hasLimits(f api.Function) bool {
	return isDataPlane(f) || isPublic(f) || isHistory(f)
}

// routeSettings returns the limits of the routes outside of management, whose
// limits are the default. AWS does not say whether routes with the default share
// one bucket or have one each; those named here have their own in either case.
//
// A function of the data plane has a second route, for paths with a slash at the
// end, which hardly any client sends. It gets the limits of management.
func routeSettings(stage Stage, functions []api.Function) map[string]any {
	settings := map[string]any{}
	for _, f := range functions {
		for _, key := range f.RouteKeys {
			limit := stage.Management
			switch twin := strings.HasSuffix(key, "/{proxy+}"); {
			case isPublic(f):
				limit = stage.Public
			case isHistory(f):
				limit = stage.Usage
			case isDataPlane(f) && !twin:
				limit = stage.DataPlane
			case !isDataPlane(f):
				continue
			}
			settings[key] = map[string]any{
				"ThrottlingRateLimit": limit.RequestsPerSecond, "ThrottlingBurstLimit": limit.Burst,
				"DetailedMetricsEnabled": false,
			}
		}
	}
	return settings
}
