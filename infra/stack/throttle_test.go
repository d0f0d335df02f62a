package stack_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// throttling returns the limits of a route: requests a second, and at once.
func (p *template) throttling(t *testing.T, key string) [2]float64 {
	t.Helper()
	_, stage := p.only(t, "AWS::ApiGatewayV2::Stage")
	settings := at(stage["RouteSettings"], key)
	if settings == nil {
		settings = stage["DefaultRouteSettings"]
	}
	rate, _ := at(settings, "ThrottlingRateLimit").(float64)
	burst, _ := at(settings, "ThrottlingBurstLimit").(float64)
	return [2]float64{rate, burst}
}

// gatewayThrottles checks the limits of each stage, and that no route is measured
// in detail, which is paid for.
func gatewayThrottles(t *testing.T, p *template) {
	limits := map[string]map[string][2]float64{
		"dev":     {"data": {10, 20}, "management": {10, 20}, "public": {10, 20}, "usage": {10, 20}},
		"staging": {"data": {100, 200}, "management": {20, 40}, "public": {10, 20}, "usage": {10, 20}},
		"prod":    {"data": {1000, 2000}, "management": {150, 300}, "public": {50, 100}, "usage": {10, 20}},
	}[p.stage]
	for key, group := range map[string]string{
		"POST /api/token/verify": "data", "POST /api/token/reserve": "data", "POST /api/token/settle": "data", "POST /api/token/release": "data",
		"POST /api/token/verify/{proxy+}": "management", "GET /api/token": "management", "POST /api/token": "management", "DELETE /api/token/{id}": "management",
		"$default": "public", "ANY /": "public", "ANY /docs": "public", "GET /api/status": "public", "POST /api/token/revoke": "public", "POST /api/user/self/webhooks": "public",
		"GET /api/token/{id}/usage": "usage", "GET /api/user/self/usage": "usage", "GET /api/user/self/audit": "usage",
	} {
		if got := p.throttling(t, key); got != limits[group] {
			t.Errorf("%s: got limits %v, want %v", key, got, limits[group])
		}
	}
	_, stage := p.only(t, "AWS::ApiGatewayV2::Stage")
	if stage["StageName"] != "$default" || stage["AutoDeploy"] != true || strings.Contains(string(p.text), `"DetailedMetricsEnabled": true`) {
		t.Errorf("got stage %v, want $default, deployed automatically, without detailed metrics", stage)
	}
}

// throttlingLeavesShares checks that the limits of all routes together are below
// those of an account, 10,000 requests a second, so that no group of routes can
// take what another may have. API Gateway refuses a stage that names a route
// which does not exist yet, so the stage waits for those.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
func throttlingLeavesShares(t *testing.T, p *template) {
	const ofAccount = 10_000.0
	total, routes := 0.0, p.routes(t)
	for key := range routes {
		total += p.throttling(t, key)[0]
	}
	t.Logf("%v requests a second in all routes", total)
	if total > ofAccount {
		t.Errorf("got %v requests a second in all routes, want at most %v", total, ofAccount)
	}
	id, stage := p.only(t, "AWS::ApiGatewayV2::Stage")
	settings, _ := stage["RouteSettings"].(object)
	named := maps.Clone(settings)
	for _, route := range p.of("AWS::ApiGatewayV2::Route") {
		key, _ := p.Resources[route].Properties["RouteKey"].(string)
		if named[key] != nil && !slices.Contains(p.Resources[id].DependsOn, route) {
			t.Errorf("the stage names %s and does not wait for %s", key, route)
		}
		delete(named, key)
	}
	if diff := cmp.Diff(object{}, named); diff != "" {
		t.Errorf("limits of routes that don't exist (-want +got):\n%s", diff)
	}
}
