package stack_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/api"
)

// routes returns, for each route key, the logical ID of the alias that it calls.
func (p *template) routes(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, id := range p.of("AWS::ApiGatewayV2::Route") {
		route := p.Resources[id].Properties
		key, _ := route["RouteKey"].(string)
		if all[key] != "" {
			t.Errorf("got route key %s twice, want it once", key)
		}
		parts, _ := at(route["Target"], "Fn::Join").(list)
		integrationID, _ := at(listed(parts[1])[1], "Ref").(string)
		integration := p.Resources[integrationID].Properties
		if integration["IntegrationType"] != "AWS_PROXY" || integration["PayloadFormatVersion"] != "2.0" {
			t.Errorf("route %s: got integration %v, want AWS_PROXY in format 2.0", key, integration)
		}
		target, _ := at(integration["IntegrationUri"], "Ref").(string) // an alias's ARN
		all[key] = target
	}
	return all
}

// routesCallTheirFunctions checks that the API has the route keys of all
// functions, no others, and that each calls its function.
func routesCallTheirFunctions(t *testing.T, p *template) {
	want := map[string]string{}
	for _, f := range api.Functions() {
		target := p.alias(t, f.Name)
		for _, key := range f.RouteKeys {
			want[key] = target
		}
	}
	got := p.routes(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	if fallback := p.Resources[got["$default"]]; !strings.HasPrefix(got["$default"], "fallback") {
		t.Errorf("got $default to %s (%s), want the fallback", got["$default"], fallback.Type)
	}
	routed := slices.DeleteFunc(api.Functions(), func(f api.Function) bool { return len(f.RouteKeys) == 0 })
	if integrations := len(p.of("AWS::ApiGatewayV2::Integration")); integrations != len(routed) {
		t.Errorf("got %d integrations, want one for each of the %d functions with a route", integrations, len(routed))
	}
}

// routesExistWithAndWithoutSlash checks that a path without parameters has a
// second route for a slash at its end. It does not take the list from api. ANY /
// has only one route, because its slash is the whole path.
func routesExistWithAndWithoutSlash(t *testing.T, p *template) {
	routes := p.routes(t)
	collections := 0
	for key, target := range routes {
		if strings.HasSuffix(key, "/") && key != "ANY /" {
			t.Errorf("got route key %q, want no slash at the end: API Gateway refuses it", key)
		}
		if key == "$default" || key == "ANY /" || strings.Contains(key, "{") {
			continue
		}
		collections++
		if twin := routes[key+"/{proxy+}"]; twin != target {
			t.Errorf("got %q for %s/{proxy+}, want %s as for %s", twin, key, target, key)
		}
	}
	if collections != 28 {
		t.Errorf("got %d methods of paths without a parameter, want 28", collections)
	}
	for _, key := range []string{"ANY /", "ANY /console/{proxy+}", "ANY /docs"} {
		if !strings.HasPrefix(routes[key], "console") {
			t.Errorf("got %q for %s, want the console", routes[key], key)
		}
	}
}

// gatewayLogsNoHeader checks that the access log contains only variables that
// can't contain a credential.
func gatewayLogsNoHeader(t *testing.T, p *template) {
	_, stage := p.only(t, "AWS::ApiGatewayV2::Stage")
	text, _ := at(stage["AccessLogSettings"], "Format").(string)
	var format map[string]string
	if err := json.Unmarshal([]byte(text), &format); err != nil {
		t.Fatalf("got %v, want JSON: %s", err, text)
	}
	allowed := []string{
		"requestId", "identity.sourceIp", "httpMethod", "routeKey", "status", "responseLatency",
		"integrationLatency", "integrationErrorMessage", "error.message",
	}
	for name, value := range format {
		if variable, ok := strings.CutPrefix(value, "$context."); !ok || !slices.Contains(allowed, variable) {
			t.Errorf("got %s as %s in the access log, want only %v", value, name, allowed)
		}
	}
	for _, name := range []string{"requestId", "routeKey", "status", "latencyMs", "integrationError"} {
		if format[name] == "" {
			t.Errorf("got no %s in the access log, want one", name)
		}
	}
	logs, _ := listed(at(stage["AccessLogSettings"], "DestinationArn", "Fn::GetAtt"))[0].(string)
	if p.Resources[logs].Type != "AWS::Logs::LogGroup" {
		t.Errorf("got %s as the access log, want a log group", p.Resources[logs].Type)
	}
}

// gatewayHasNoCORS checks that pages of other origins can't call the API.
func gatewayHasNoCORS(t *testing.T, p *template) {
	_, gateway := p.only(t, "AWS::ApiGatewayV2::Api")
	if got := gateway["CorsConfiguration"]; got != nil {
		t.Errorf("got CORS %v, want none", got)
	}
	if got := gateway["ProtocolType"]; got != "HTTP" {
		t.Errorf("got protocol %v, want HTTP", got)
	}
}
