// Package api is the HTTP face: routes, decoding, authentication, replies.
// It speaks to token.Service and to a Gate, and knows no storage and no
// Lambda.
package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// An Operation is what there is to know of a route without serving it: for
// the stack, the SAM template, the documents, and the other functions, which
// must tell a path that is elsewhere from one that is nowhere.
type Operation struct {
	Name   string // of its function: functions/<Name>
	Method string
	Path   string // without a trailing slash; {id} stands for a number
	// Actions are the DynamoDB actions on the table that its function needs.
	Actions []string
}

// A Route is an operation with what serves it.
type Route struct {
	*Operation // a pointer, for the linker keeps what an initializer copies
	serve      func(Services, *http.Request) (answer, error)
}

// Operations are all of them.
func Operations() []Operation {
	return []Operation{
		listOperation, searchOperation, createOperation, updateOperation, getOperation, deleteOperation,
		rotateOperation, createAllOperation, deleteAllOperation, setStatusesOperation,
		verifyOperation, reserveOperation, settleOperation, releaseOperation, usageOperation,
	}
}

// Routes are all of them. It is a function, and serve a literal, so that a
// binary that names one route links that one only.
func Routes() []Route {
	return []Route{
		ListTokens, SearchTokens, CreateToken, UpdateToken, GetToken, DeleteToken,
		RotateKey, CreateTokens, DeleteTokens, SetStatuses,
		VerifyKey, ReserveQuota, SettleHold, ReleaseHold, ShowUsage,
	}
}

// The actions that routes are made of, by what they do.
const (
	actionGet      = "dynamodb:GetItem"
	actionBatchGet = "dynamodb:BatchGetItem"
	actionQuery    = "dynamodb:Query"
	actionPut      = "dynamodb:PutItem"
	actionUpdate   = "dynamodb:UpdateItem"
	actionDelete   = "dynamodb:DeleteItem"
)

// find returns the route of a request, or errRouteNotFound, or a
// *methodError for a path that other methods have. A path with and without
// a trailing slash is the same; one that stands in a route word for word is
// not the id of a token.
func find(routes []Route, r *http.Request) (Route, error) {
	known := Operations()
	if r.Method != "" { // else it may be an event that is none, which comes as /
		known = append(known, documents()...)
	}
	for _, route := range routes {
		known = append(known, *route.Operation) // the documents' files, where they are served
	}
	literal := slices.ContainsFunc(known, func(o Operation) bool {
		id, ok := match(o.Path, r.URL.Path)
		return ok && id == ""
	})
	for _, route := range routes {
		if id, ok := match(route.Path, r.URL.Path); ok && (id == "" || !literal) && route.Method == r.Method {
			r.SetPathValue("id", id)
			r.Pattern = route.Path
			return route, nil
		}
	}
	var allowed []string
	for _, operation := range known {
		if id, ok := match(operation.Path, r.URL.Path); ok && (id == "" || !literal) && operation.Method != r.Method {
			allowed = append(allowed, operation.Method)
		}
	}
	none := Route{Operation: &Operation{Name: "none"}}
	if allowed == nil {
		return none, errRouteNotFound
	}
	slices.Sort(allowed)
	allowed = slices.Compact(allowed)
	return none, &methodError{allow: strings.Join(allowed, ", ")}
}

// match holds a path against a pattern and returns what stands for {id}.
func match(pattern, path string) (id string, ok bool) {
	want, got := strings.Split(strings.TrimSuffix(pattern, "/"), "/"), strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(want) != len(got) {
		return "", false
	}
	for i := range want {
		switch {
		case want[i] == wire.IDParameter && got[i] != "":
			id = got[i]
		case want[i] != got[i]:
			return "", false
		}
	}
	return id, true
}
