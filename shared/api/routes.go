// Package api serves the HTTP API: routes, decoding, authentication and
// responses. It calls token.Service and a Gate. It imports no storage and
// nothing of Lambda.
package api

import (
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

//go:generate go run ../../cmd/routes ../..

// An Endpoint is the name, method and path of a route, without the code that
// serves it. The stack, the SAM template, the documents and the functions of
// other routes need no more. endpoints lists every endpoint.
type Endpoint struct {
	Name     string // of the Lambda function, functions/<Name>, unless Function is set
	Method   string
	Path     string // without a trailing slash; {id} stands for the id of a token or webhook
	Function string // the name of another endpoint, if the function of that serves this one, too
}

// A Route is an endpoint with the function that serves it. Route variables
// are composite literals without function calls, because the linker drops an
// unused variable only if it needs no code to initialize; so a function contains
// only the routes that it serves.
type Route struct {
	Endpoint
	serve func(Services, *http.Request) (response, error)
}

// Routes returns every route of the API. To add a route, declare it in a file
// of its own, add it here, and run `go generate ./shared/api`, which derives
// endpoints and the main package of each Lambda function.
//
// Calling Routes links all of them. A function that serves one route names
// its variable instead.
func Routes() []Route {
	return []Route{
		ListTokens, SearchTokens, CreateToken, UpdateToken, GetToken, DeleteToken,
		RotateKey, RaiseQuota, ShowKey, CreateTokens, DeleteTokens, SetStatuses, ShowKeys,
		VerifyKey, ReserveQuota, SettleHold, ReleaseHold, RevokeKey, ShowUsage, ShowStatus, ShowSelf, ShowBudget, ShowGroups, ShowModels,
		ListWebhooks, CreateWebhook, UpdateWebhook, DeleteWebhook, RotateWebhook, TestWebhook,
		ShowHistory, ShowHistoryCSV, ShowSelfHistory, ShowSelfHistoryCSV, ShowKeyHistory, ShowFamilyData, ShowFamilyLog,
		ShowAudit, ShowSelfAudit,
	}
}

// Endpoints returns the endpoints of all routes, in the order of Routes. It
// links no route.
func Endpoints() []Endpoint { return slices.Clone(endpoints) }

// find returns the route of a request. Its error is a *methodError if the path
// exists with other methods only, else errRouteNotFound. A trailing slash makes
// no difference. A path that an endpoint has literally, such as
// /api/token/search, is never read as the id of a token. A HEAD request has the
// route of GET (RFC 9110, 9.3.2).
func find(routes []Route, r *http.Request) (Route, error) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if route, ok := withoutSlash(r.URL.Path); ok && method == http.MethodGet {
		return route, nil
	}
	literal := false
	for e := range known(routes, r.Method != "") { // a payload that is not an HTTP event has no method and the path /
		if id, ok := match(e.Path, r.URL.Path); ok && id == "" {
			literal = true
			break
		}
	}
	for _, route := range routes {
		if id, ok := match(route.Path, r.URL.Path); ok && (id == "" || !literal) && route.Method == method {
			r.SetPathValue("id", id)
			r.Pattern = route.Path
			return route, nil
		}
	}
	var allowed []string
	for e := range known(routes, r.Method != "") {
		if id, ok := match(e.Path, r.URL.Path); ok && (id == "" || !literal) && e.Method != method {
			allowed = append(allowed, e.Method)
			if e.Method == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	none := Route{Endpoint: Endpoint{Name: "none"}}
	if allowed == nil {
		return none, errRouteNotFound
	}
	slices.Sort(allowed)
	allowed = slices.Compact(allowed)
	return none, &methodError{allow: strings.Join(allowed, ", ")}
}

// known returns the endpoints that exist: those of the API, those of routes, among
// them the files of pages, and the documents if withDocuments is true.
func known(routes []Route, withDocuments bool) iter.Seq[Endpoint] {
	return func(yield func(Endpoint) bool) {
		for _, e := range endpoints {
			if !yield(e) {
				return
			}
		}
		for _, route := range routes {
			if !yield(route.Endpoint) {
				return
			}
		}
		if !withDocuments {
			return
		}
		for e := range documents() {
			if !yield(e) {
				return
			}
		}
	}
}

// match reports whether a path matches a pattern, and returns the part in the
// place of {id}. It runs for every endpoint and request, so it allocates nothing.
func match(pattern, path string) (id string, ok bool) {
	pattern, path = strings.TrimSuffix(pattern, "/"), strings.TrimSuffix(path, "/")
	before, after, hasID := strings.Cut(pattern, wire.IDParameter)
	if !hasID {
		return "", pattern == path
	}
	if id, ok = strings.CutPrefix(path, before); ok {
		id, ok = strings.CutSuffix(id, after)
	}
	if !ok || id == "" || strings.Contains(id, "/") {
		return "", false
	}
	return id, true
}
