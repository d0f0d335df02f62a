// Package api is the HTTP face: routes, decoding, authentication, replies.
// It speaks to token.Service and knows no storage and no Lambda.
package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A Route is one operation of the API. Everything that has to know of it
// reads this value: the function that serves it, the local server, the
// stack, the SAM template and the documents.
type Route struct {
	Name   string // of its function: functions/<Name>
	Method string
	Path   string // without a trailing slash; {id} stands for a number
	// Actions are the DynamoDB actions on the table that it needs.
	Actions []string
	serve   func(*token.Service, *http.Request) (answer, error)
}

// Routes are all of them. It is a function, and serve a literal, so that a
// binary that names one route links that one only.
func Routes() []Route {
	return []Route{ListTokens, CreateToken, UpdateToken, GetToken, DeleteToken}
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

const idParameter = "{id}"

// find returns the route of a request, or errRouteNotFound, or a
// *methodError for a path that other methods have. A path with and without
// a trailing slash is the same.
func find(routes []Route, r *http.Request) (Route, error) {
	var allowed []string
	for _, route := range routes {
		id, ok := match(route.Path, r.URL.Path)
		if !ok {
			continue
		}
		if route.Method == r.Method {
			r.SetPathValue("id", id)
			return route, nil
		}
		allowed = append(allowed, route.Method)
	}
	if allowed == nil {
		return Route{Name: "none"}, errRouteNotFound
	}
	slices.Sort(allowed)
	return Route{Name: "none"}, &methodError{allow: strings.Join(allowed, ", ")}
}

// match holds a path against a pattern and returns what stands for {id}.
func match(pattern, path string) (id string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(want) != len(got) {
		return "", false
	}
	for i := range want {
		switch {
		case want[i] == idParameter && got[i] != "":
			id = got[i]
		case want[i] != got[i]:
			return "", false
		}
	}
	return id, true
}
