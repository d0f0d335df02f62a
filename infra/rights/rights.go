// Package rights lists the DynamoDB actions and the partitions that each Lambda
// function needs of the table. TestRights in internal/gatewaytest runs every
// function with these rights and no others.
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
		return []string{get, query, update} // query: the other tokens of a user whose wallet is empty; update: the last use
	case api.ModelGateway: // verify, reserve, settle, release
		return []string{get, query, update}
	case api.Purge:
		return []string{put, update, remove} // remove: the foreign key of a token
	case api.History:
		return []string{batchGet, query, put} // query: the webhooks of users, and timers
	case api.Deliver:
		return []string{get, update}
	default:
		return nil
	}
}

// OfEndpoint returns the actions that serving an endpoint takes,
// authentication included. It is empty for an endpoint that is not listed
// here; a test fails then.
func OfEndpoint(e api.Endpoint) []string {
	switch e.Name {
	case "list": // it finishes an interrupted delete that it finds
		return []string{get, query, update, remove}
	case "search": // update: it counts as a change
		return []string{get, batchGet, query, update}
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
	case "release", "revoke":
		return []string{get, update}
	case "usage": // update: the last use
		return []string{get, query, update}
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
	case "webhooks":
		return []string{get, query}
	case "createwebhook":
		return []string{get, query, put, update}
	case "rotatewebhook":
		return []string{get, put, update}
	case "updatewebhook", "testwebhook":
		return []string{get, update}
	case "deletewebhook":
		return []string{get, update, remove}
	case "usagehistory", "historycsv": // batchGet: the user with the token, and the days of a long time
		return []string{get, batchGet, query}
	case "keyhistory": // update: the last use
		return []string{get, batchGet, query, update}
	case "selfhistory", "selfhistorycsv": // batchGet: the days of some tokens; update: it counts as a search
		return []string{get, batchGet, query, update}
	case "familydata", "familylog":
		return []string{get, query, update} // update: it counts as a search
	case "audit", "selfaudit":
		return []string{get, query}
	default:
		return nil
	}
}

// The partitions of the table, as ARCHITECTURE.md lists them. No function needs
// those of names and of the directory, which only tokenctl reads.
const (
	tokens    = "T#*"
	users     = "U#*"
	wallets   = "W#*"
	prices    = "P"
	responses = "I#*"
	foreign   = "K#*"
	marks     = "X#*"
	webhooks  = "E#*"
	hours     = "Y#*"
	days      = "Z#*"
	folds     = "F"
	audit     = "A#*"
	timers    = "C#*"

	// lookups are foreign in a stage that accepts foreign keys, and nothing in
	// others. A function that removes tokens needs foreign in every stage: an
	// imported token stays in the table when the setting is turned off.
	lookups = "lookups of foreign keys"
)

// Partitions returns the partitions of the table that a function needs, sorted,
// as patterns of IAM. It is empty for a function that doesn't use the table.
func Partitions(f api.Function, foreignKeys bool) []string {
	all := map[string]bool{}
	add := func(partitions []string) {
		for _, partition := range partitions {
			switch {
			case partition != lookups:
				all[partition] = true
			case foreignKeys:
				all[foreign] = true
			}
		}
	}
	switch f.Name {
	case api.Authorizer:
		add([]string{tokens, users, wallets, lookups})
	case api.ModelGateway:
		add([]string{tokens, users, wallets, prices, lookups})
	case api.Purge:
		add([]string{users, wallets, marks, foreign})
	case api.History:
		add([]string{hours, days, folds, audit, webhooks, tokens, timers}) // tokens: those that expire
	case api.Deliver:
		add([]string{webhooks})
	}
	for _, e := range f.Serves {
		add(partitionsOf(e))
	}
	if f.Name == api.Fallback {
		delete(all, hours) // their paths are all below paths of which another function gets the rest
	}
	return slices.Sorted(maps.Keys(all))
}

// partitionsOf returns the partitions that serving an endpoint takes,
// authentication included.
func partitionsOf(e api.Endpoint) []string {
	switch e.Name {
	case "list", "delete": // the foreign key of a token is deleted with it, and what it had drawn returns to the wallet
		return []string{tokens, users, wallets, foreign}
	case "budget":
		return []string{tokens, users, wallets}
	case "get", "key", "keys", "update", "search":
		return []string{tokens, users}
	case "create", "batchcreate", "batchstatus", "extra", "rotate":
		return []string{tokens, users, responses}
	case "batchdelete":
		return []string{tokens, users, wallets, responses, foreign}
	case "verify", "reserve", "settle":
		return []string{tokens, users, wallets, prices, lookups}
	case "release", "revoke":
		return []string{tokens, lookups}
	case "usage":
		return []string{tokens, users, wallets, lookups}
	case "status":
		return []string{prices}
	case "self":
		return []string{users, wallets}
	case "webhooks", "updatewebhook", "deletewebhook", "testwebhook":
		return []string{users, webhooks}
	case "createwebhook", "rotatewebhook":
		return []string{users, webhooks, responses}
	case "audit", "selfaudit":
		return []string{users, audit, folds}
	case "groups":
		return []string{users, prices}
	case "models":
		return []string{users, tokens, prices, lookups}
	case "usagehistory", "historycsv":
		return []string{users, tokens, hours, days, folds}
	case "keyhistory":
		return []string{tokens, users, wallets, hours, days, folds, lookups}
	case "selfhistory", "selfhistorycsv", "familydata", "familylog":
		return []string{users, days, folds}
	default:
		return nil
	}
}
