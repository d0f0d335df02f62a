package api

import (
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A Function is a Lambda function, functions/<Name>, as the stack and the SAM
// template deploy it.
type Function struct {
	Name      string
	RouteKeys []string   // of the HTTP API, which lead to the function
	Serves    []Endpoint // the endpoints whose requests can reach it
}

// The functions without a route of their own. Console is in page.go.
const (
	Fallback   = "fallback"  // gets the requests that no other route key matches
	Authorizer = "authorize" // is called by other HTTP APIs as their authorizer
	Purge      = "purge"     // is called by the table's stream, for tokens that TTL removed
	History    = "history"   // is called by the table's stream, for changes
	Deliver    = "deliver"   // is called by the queue of webhooks
)

// UsageHistory is the function that serves all routes that read histories.
const UsageHistory = "usagehistory"

// ModelGateway is the function in front of a model API. It has a function URL
// instead of routes, and only stacks with an upstream have it, so Functions leaves
// it out.
const ModelGateway = "gateway"

// Functions returns every Lambda function: those of FunctionsOf, the console,
// the authorizer, the readers of the stream and of the queue, and the fallback.
//
// A route key can't end in a slash. API Gateway may match a path with a
// trailing slash in three ways, and reports conflict on which: /api/token/
// matches /api/token, or /api/token/{proxy+} with an empty rest, or neither.
// So an endpoint whose path has no parameter has two route keys, its path and
// its path with /{proxy+}, and the fallback serves every endpoint.
//
// The second key also matches longer paths of the same method for which the
// gateway finds no better key. POST /api/token/{proxy+} leads to create, so
// create has to serve POST /api/token/verify/ too. Serves lists these.
func Functions() []Function {
	return append(FunctionsOf(endpoints),
		Function{Name: Console, RouteKeys: consoleKeys},
		Function{Name: Authorizer},
		Function{Name: Purge},
		Function{Name: History},
		Function{Name: Deliver},
		Function{Name: Fallback, RouteKeys: []string{"$default"}, Serves: Endpoints()})
}

// FunctionsOf returns the functions of all endpoints of an API, one for each that
// is not served by the function of another.
func FunctionsOf(all []Endpoint) []Function {
	var functions []Function
	for _, e := range all {
		if e.Function != "" {
			continue
		}
		f := Function{Name: e.Name}
		f.serve(all, e)
		for _, other := range all {
			if other.Function == e.Name {
				f.serve(all, other)
			}
		}
		functions = append(functions, f)
	}
	return functions
}

// serve adds an endpoint, unless a route key of the function leads to it already.
func (f *Function) serve(all []Endpoint, e Endpoint) {
	if slices.Contains(f.Serves, e) {
		return
	}
	f.RouteKeys, f.Serves = append(f.RouteKeys, e.Method+" "+e.Path), append(f.Serves, e)
	if !strings.Contains(e.Path, wire.IDParameter) {
		f.RouteKeys = append(f.RouteKeys, e.Method+" "+e.Path+"/{proxy+}")
		f.Serves = append(f.Serves, below(all, e)...)
	}
}

// below returns the endpoints of the same method whose path begins with the
// parent's path and a slash.
func below(all []Endpoint, parent Endpoint) []Endpoint {
	var found []Endpoint
	for _, e := range all {
		if e.Method == parent.Method && strings.HasPrefix(e.Path, parent.Path+"/") {
			found = append(found, e)
		}
	}
	return found
}

// groupOf returns the group that metrics count an endpoint in; none for what
// needs no authentication.
func groupOf(e Endpoint) reqlog.Group {
	switch e.Name {
	case "verify", "reserve", "settle", "release", "usage", "keyhistory":
		return reqlog.GroupKeys
	case "none", "status", "revoke", Console:
		return ""
	default:
		return reqlog.GroupTokens
	}
}
