// Package rights lists what each Lambda function may do with which partitions of
// the DynamoDB table. TestRights in internal/gatewaytest runs every function with
// these rights and no others.
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

// A Statement allows each of its actions on each of its partitions.
type Statement struct {
	Actions    []string // such as dynamodb:GetItem, sorted
	Partitions []string // patterns of dynamodb:LeadingKeys, such as T#*, sorted
}

// Of returns the statements for a function: what it does itself and for every
// endpoint that it serves. There are none for a function that doesn't use the table,
// such as the console. An action is in one statement only, because AWS compares all
// keys of a BatchGetItem with the condition of one statement. Each write is allowed on
// all partitions that the function writes: AWS does not say whether it compares each
// part of a transaction by itself, or all of its keys.
func Of(f api.Function, foreignKeys bool) []Statement {
	partitions := usesOf(f.Name)
	for _, e := range f.Serves {
		for action, more := range usesOf(e.Name) {
			partitions[action] = append(partitions[action], more...)
		}
	}
	written := slices.Concat(partitions[put], partitions[update], partitions[remove])
	var statements []Statement
	for _, action := range slices.Sorted(maps.Keys(partitions)) {
		used := partitions[action]
		if action == put || action == update || action == remove {
			used = written
		}
		patterns := patternsOf(used, foreignKeys)
		i := slices.IndexFunc(statements, func(s Statement) bool { return slices.Equal(s.Partitions, patterns) })
		if i < 0 {
			i, statements = len(statements), append(statements, Statement{Partitions: patterns})
		}
		statements[i].Actions = append(statements[i].Actions, action)
	}
	return statements
}

// patternsOf returns the patterns for partitions, sorted and once each.
func patternsOf(partitions []string, foreignKeys bool) []string {
	patterns := slices.DeleteFunc(slices.Clone(partitions), func(p string) bool { return p == lookups && !foreignKeys })
	for i, p := range patterns {
		if p == lookups {
			patterns[i] = foreign
		}
	}
	slices.Sort(patterns)
	return slices.Compact(patterns)
}

// uses are partitions by the action that is used on them.
type uses map[string][]string

// usesOf returns what serving an endpoint takes, authentication included, or what a
// function without an endpoint does. It is empty for a name that is not listed here.
//
// An update of users, where nothing else changes a user, counts towards the limit of
// a user's changes.
func usesOf(name string) uses {
	switch name {
	case "list": // it finishes an interrupted delete that it finds
		return uses{get: {users}, query: {tokens, users}, update: {users, wallets}, remove: {tokens, foreign}}
	case "search":
		return uses{get: {users}, batchGet: {tokens, users}, query: {tokens, users}, update: {users}}
	case "get", "key", "keys":
		return uses{get: {users}, batchGet: {tokens, users}}
	case "create", "batchcreate":
		return uses{get: {users, responses}, put: {tokens, responses}, update: {users}}
	case "update":
		return uses{get: {tokens, users}, batchGet: {tokens, users}, update: {tokens, users}}
	case "extra":
		return uses{get: {tokens, users, responses}, put: {responses}, update: {tokens, users}}
	case "rotate":
		return uses{get: {users, responses}, batchGet: {tokens, users}, put: {responses}, update: {tokens, users}}
	case "batchstatus":
		return uses{get: {users, responses}, batchGet: {tokens}, put: {responses}, update: {tokens, users}}
	case "delete": // what the token had drawn returns to the wallet
		return uses{get: {users}, batchGet: {tokens, users}, update: {tokens, users, wallets}, remove: {tokens, foreign}}
	case "batchdelete":
		return uses{get: {users, responses}, batchGet: {tokens}, put: {responses}, update: {tokens, users, wallets}, remove: {tokens, foreign}}

	case "verify", "reserve", "settle", api.ModelGateway:
		// They query other tokens whose units return to an empty wallet.
		return uses{get: {tokens, users, wallets, prices, lookups}, query: {tokens}, update: {tokens, wallets}}
	case "release", "revoke":
		return uses{get: {tokens, lookups}, update: {tokens}}
	case "usage", api.Authorizer: // they store the last use of a token
		return uses{get: {tokens, users, wallets, lookups}, query: {tokens}, update: {tokens}}
	case "status":
		return uses{get: {prices}}

	case "self":
		return uses{batchGet: {users, wallets}}
	case "groups":
		return uses{get: {prices}, batchGet: {users, wallets}}
	case "models":
		return uses{get: {users, prices}}
	case "budget":
		return uses{get: {users, wallets}, query: {tokens}, update: {users}}

	case "webhooks":
		return uses{get: {users}, query: {webhooks}}
	case "createwebhook":
		return uses{get: {users, responses}, query: {webhooks}, put: {webhooks, responses}, update: {users, webhooks}}
	case "updatewebhook":
		return uses{get: {users, webhooks}, update: {users, webhooks}}
	case "rotatewebhook":
		return uses{get: {users, responses}, put: {responses}, update: {users, webhooks}}
	case "testwebhook":
		return uses{get: {users, webhooks}, update: {users}}
	case "deletewebhook":
		return uses{get: {users, webhooks}, update: {users, webhooks}, remove: {webhooks}}

	case "usagehistory", "historycsv": // days: of a long time
		return uses{get: {users, folds}, batchGet: {tokens, users, days}, query: {hours}}
	case "keyhistory":
		return uses{get: {tokens, users, wallets, folds, lookups}, batchGet: {days}, query: {tokens, hours}, update: {tokens}}
	case "selfhistory", "selfhistorycsv":
		return uses{get: {users, folds}, batchGet: {days}, query: {days}, update: {users}}
	case "familydata", "familylog":
		return uses{get: {users, folds}, query: {days}, update: {users}}
	case "audit", "selfaudit":
		return uses{get: {users, folds}, query: {audit}}

	case api.Purge: // foreign: the key of a token that is gone
		return uses{put: {marks}, update: {users, wallets, marks}, remove: {foreign}}
	case api.History: // tokens: those that expire
		return uses{batchGet: {tokens, hours, days}, query: {webhooks, timers}, put: {hours, days, folds, audit, timers}}
	case api.Deliver:
		return uses{get: {webhooks}, update: {webhooks}}
	default:
		return uses{}
	}
}
