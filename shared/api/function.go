package api

import (
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// A Function is a Lambda function, functions/<Name>, as the stack and the SAM
// template deploy it.
type Function struct {
	Name string
	// RouteKeys are those of the HTTP API that lead to it.
	RouteKeys []string
	// Actions are the DynamoDB actions on the table that it needs.
	Actions []string
}

// The functions that are no operation's: Fallback is for what no other route
// key matches; Authorizer has no route, gateways of others call it; nor has
// Purge, which the table's stream tells of expired tokens that were removed.
// Console, in page.go, has no table.
const (
	Fallback   = "fallback"
	Authorizer = "authorize"
	Purge      = "purge"
)

// Functions are all of them: one for each operation, the console, the
// authorizer, the purge, and the fallback.
//
// A route key can't end in a slash, and it is told in different ways whether
// an HTTP API matches /api/token/ to /api/token, to /api/token/{proxy+} with
// an empty rest, or to neither. So a path without a parameter has both keys,
// and the fallback serves every route of the API.
func Functions() []Function {
	var all []Function
	fallback := Function{Name: Fallback, RouteKeys: []string{"$default"}}
	for _, o := range Operations() {
		f := Function{Name: o.Name, RouteKeys: []string{o.Method + " " + o.Path}, Actions: o.Actions}
		if !strings.Contains(o.Path, wire.IDParameter) {
			f.RouteKeys = append(f.RouteKeys, o.Method+" "+o.Path+"/{proxy+}")
		}
		all = append(all, f)
		fallback.Actions = append(fallback.Actions, o.Actions...)
	}
	slices.Sort(fallback.Actions)
	fallback.Actions = slices.Compact(fallback.Actions)
	return append(all,
		Function{Name: Console, RouteKeys: consoleKeys},
		Function{Name: Authorizer, Actions: []string{actionGet}},
		Function{Name: Purge, Actions: []string{actionPut, actionUpdate}},
		fallback)
}
