// Package rights lists the DynamoDB actions that each Lambda function needs on
// the table.
package rights

import (
	"maps"
	"slices"

	"github.com/latchkey-api/latchkey/shared/api"
)

const (
	get      = "dynamodb:GetItem"
	batchGet = "dynamodb:BatchGetItem"
	query    = "dynamodb:Query"
	put      = "dynamodb:PutItem"
	update   = "dynamodb:UpdateItem"
	remove   = "dynamodb:DeleteItem"
)

// Of returns the actions of a function, sorted: the union of those of every
// endpoint that it serves. It is empty for a function that doesn't use the
// table, as the console.
func Of(f api.Function) []string {
	all := map[string]bool{}
	add := func(actions []string) {
		for _, action := range actions {
			all[action] = true
		}
	}
	add(ofFunction(f.Name))
	for _, e := range f.Serves {
		add(OfEndpoint(e))
	}
	return slices.Sorted(maps.Keys(all))
}

// ofFunction returns the actions of a function without an endpoint.
func ofFunction(name string) []string {
	switch name {
	case api.Authorizer:
		return []string{get, query} // query: the other tokens of a user whose wallet is empty
	case api.ModelGateway: // verify, reserve, settle, release
		return []string{get, query, update}
	case api.Purge:
		return []string{put, update}
	default:
		return nil
	}
}

// OfEndpoint returns the actions that serving an endpoint takes,
// authentication included. It is empty for an endpoint that is not listed
// here; a test fails then.
func OfEndpoint(e api.Endpoint) []string {
	switch e.Name {
	case "list", "search": // they finish an interrupted delete that they find
		return []string{get, query, update, remove}
	case "create", "batchcreate":
		return []string{get, put, update}
	case "batchstatus":
		return []string{get, batchGet, put, update}
	case "update":
		return []string{get, batchGet, update}
	case "get", "key", "keys":
		return []string{get, batchGet}
	case "delete":
		return []string{get, update, remove}
	case "extra":
		return []string{get, put, update}
	case "rotate":
		return []string{get, batchGet, put, update}
	case "batchdelete":
		return []string{get, batchGet, put, update, remove}
	case "verify", "reserve", "settle":
		// get: the price table, a token whose limits are not known, and the wallet.
		// query: other tokens whose units return to an empty wallet.
		return []string{get, query, update}
	case "release":
		return []string{get, update}
	case "usage":
		return []string{get, query}
	case "status":
		return []string{get}
	case "self":
		return []string{batchGet}
	case "groups": // get: the price table, as for models
		return []string{get, batchGet}
	case "models":
		return []string{get}
	case "budget":
		return []string{get, query, update} // update: it counts as a search
	default:
		return nil
	}
}
