package gatewaytest_test

import (
	"maps"
	"testing"

	"github.com/latchkey-api/latchkey/internal/gatewaytest"
)

func withRoutes(keys ...string) *gatewaytest.API {
	var a gatewaytest.API
	for _, key := range keys {
		a.Routes = append(a.Routes, gatewaytest.Route{Key: key})
	}
	return &a
}

// TestMatchOrder checks the example of AWS's documentation, with the routes in
// its order and in the reverse order.
func TestMatchOrder(t *testing.T) {
	inOrder := withRoutes("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default")
	reversed := withRoutes("$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1")
	for _, slash := range gatewaytest.Slashes() {
		for _, routes := range []*gatewaytest.API{inOrder, reversed} {
			expect(t, routes, slash, "GET", "/pets/dog/1", "GET /pets/dog/1", nil)
			expect(t, routes, slash, "GET", "/pets/dog/2", "GET /pets/dog/{id}", variables("id", "2"))
			expect(t, routes, slash, "GET", "/pets/cat/1", "GET /pets/{proxy+}", variables("proxy", "cat/1"))
			expect(t, routes, slash, "POST", "/test/5", "ANY /{proxy+}", variables("proxy", "test/5"))
			expect(t, routes, slash, "GET", "/pets/dog//2", "GET /pets/{proxy+}", variables("proxy", "dog//2"))
		}
	}
}

// TestMatchMethodBeforeANY checks that a route for the method comes before ANY.
func TestMatchMethodBeforeANY(t *testing.T) {
	routes := withRoutes("ANY /x", "GET /x", "ANY /{proxy+}", "GET /{proxy+}")
	expect(t, routes, gatewaytest.GreedyTakesEmpty, "GET", "/x", "GET /x", nil)
	expect(t, routes, gatewaytest.GreedyTakesEmpty, "PUT", "/x", "ANY /x", nil)
	expect(t, routes, gatewaytest.GreedyTakesEmpty, "GET", "/y", "GET /{proxy+}", variables("proxy", "y"))
}

// TestMatchSlashAtTheEnd checks each Slash.
func TestMatchSlashAtTheEnd(t *testing.T) {
	routes := withRoutes("GET /x", "GET /x/{id}", "GET /x/{proxy+}", "$default")
	for _, tt := range []struct {
		slash     gatewaytest.Slash
		path      string
		want      string
		variables map[string]string
	}{
		{gatewaytest.GreedyTakesEmpty, "/x", "GET /x", nil},
		{gatewaytest.GreedyTakesEmpty, "/x/", "GET /x/{proxy+}", variables("proxy", "")},
		{gatewaytest.GreedyTakesEmpty, "/x/42/", "GET /x/{proxy+}", variables("proxy", "42/")},
		{gatewaytest.GreedyNeedsRest, "/x", "GET /x", nil},
		{gatewaytest.GreedyNeedsRest, "/x/", "$default", nil},
		{gatewaytest.GreedyNeedsRest, "/x/42/", "GET /x/{proxy+}", variables("proxy", "42/")},
		{gatewaytest.Stripped, "/x", "GET /x", nil},
		{gatewaytest.Stripped, "/x/", "GET /x", nil},
		{gatewaytest.Stripped, "/x/42/", "GET /x/{id}", variables("id", "42")},
		{gatewaytest.Stripped, "/", "$default", nil},
	} {
		t.Run(tt.slash.String()+tt.path, func(t *testing.T) { expect(t, routes, tt.slash, "GET", tt.path, tt.want, tt.variables) })
	}
}

// TestMatchWithoutDefault checks that a request may match no route.
func TestMatchWithoutDefault(t *testing.T) {
	for _, path := range []string{"/", "/y", "/x/1"} {
		expect(t, withRoutes("GET /x"), gatewaytest.GreedyTakesEmpty, "GET", path, "", nil)
	}
	expect(t, withRoutes("GET /x"), gatewaytest.GreedyTakesEmpty, "PUT", "/x", "", nil)
}

func variables(name, value string) map[string]string { return map[string]string{name: value} }

func expect(t *testing.T, routes *gatewaytest.API, slash gatewaytest.Slash, method, path, want string, variables map[string]string) {
	t.Helper()
	route, got, ok := routes.Match(slash, method, path)
	if route.Key != want || ok != (want != "") || !maps.Equal(got, variables) {
		t.Errorf("%s %s: got %q %v %t, want %q %v", method, path, route.Key, got, ok, want, variables)
	}
}
